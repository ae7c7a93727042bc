#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace polaris {

/// Copies what stands beside the weights of a checkpoint and belongs to the model: tokenizer, chat
/// template, generation_config.json, licence and so on. Links are followed.
///
/// Left behind, and returned by name: folders, hidden files, weights in any format and their
/// indices, files above 64 MiB. config.json and DONE are not copied either: each says that a folder
/// is complete, so its writer adds them last.
/// @throws Error{kIo}
std::vector<std::string> copy_small_files(const std::filesystem::path& from,
                                          const std::filesystem::path& to,
                                          FileSystem& files = real_file_system());

/// One file, byte by byte; `to` appears whole or not at all. @throws Error{kIo}
void copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
               FileSystem& files = real_file_system());

}  // namespace polaris
