#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace polaris {

/// Writes report.html from the files of a run directory: one page that needs nothing else, with
/// curves, the comparison of summary.json, a story before and after, and rollouts to read beside
/// their reference. What is missing or damaged is left out and named in the page. Its size is
/// bounded: many steps are thinned out, few stories are shown, and long ones are shortened.
///
/// @return the same sentences as in the page: what was left out and why
/// @throws Error{kIo} if there is no such folder, or the page cannot be written
std::vector<std::string> write_report(const std::filesystem::path& run_dir);

/// JSON that may stand within a <script>: no story can end the element or begin another.
std::string script_json(const Json& value);

}  // namespace polaris
