#pragma once

#include <filesystem>

namespace polaris {

/// A file or folder that comes with the program: "architectures/qwen3.5-9b.json". Looked for from
/// where the running binary lies, never from the working directory:
///
///   <binary's folder>/assets             a bundle
///   <binary's folder>/../share/polaris   an installation
///   <binary's folder>/../../assets       a checkout (build/release/polaris)
///
/// @throws Error{kIo} naming the places
std::filesystem::path find_asset(const std::filesystem::path& relative);

/// The same with the binary's folder given.
std::filesystem::path find_asset(const std::filesystem::path& relative,
                                 const std::filesystem::path& binary_folder);

}  // namespace polaris
