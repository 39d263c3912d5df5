#include "disk/directory_users.hpp"

#include "simulate/escaped_text.hpp"

#include <larder/storage/posix_file.hpp>
#include <larder/storage/shared_log.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace disk {
namespace {

std::string program_of(pid_t id) {
  std::ifstream in("/proc/" + std::to_string(id) + "/comm");
  std::string name;
  std::getline(in, name);
  return simulate::printable(name);
}

/// Who holds the file USERS, by the system's list of locks.
directory_users listed_users(const std::string& root) {
  directory_users found;
  struct stat answer {};
  if (::stat((root + "/USERS").c_str(), &answer) != 0) return found;
  std::array<char, 64> place{};
  std::snprintf(place.data(), place.size(), "%02x:%02x:%llu", major(answer.st_dev), minor(answer.st_dev),
                static_cast<unsigned long long>(answer.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // 12: FLOCK  ADVISORY  READ  712 fe:01:131337 0 EOF
    std::istringstream words(line);
    std::string number, kind, how, what, file;
    pid_t id = 0;
    if (!(words >> number >> kind >> how >> what >> id >> file) || kind != "FLOCK" || file != place.data()) continue;
    found.any = true;
    const bool is_new =
        std::none_of(found.processes.begin(), found.processes.end(), [&](const auto& one) { return one.id == id; });
    if (id > 0 && is_new) found.processes.push_back({id, program_of(id)});
  }
  return found;
}

}  // namespace

std::string directory_users::text() const {
  if (!is_known) return "unknown: the file \"journal\" cannot be opened";
  if (!any) return "nobody";
  if (processes.empty()) return "another process";
  std::string text = processes.size() == 1 ? "process " : std::to_string(processes.size()) + " processes: ";
  for (const process& one : processes) {
    if (&one != processes.data()) text += ", ";
    text += std::to_string(one.id) + (one.program.empty() ? "" : " (" + one.program + ")");
  }
  return text;
}

directory_users users_of(const std::string& root) {
  directory_users found = listed_users(root);
  if (found.any) return found;
  try {
    const std::optional<larder::storage::shared_log> log = larder::storage::shared_log::open(root + "/journal", true);
    found.any = log && log->is_held();
  } catch (const larder::storage::file_error&) {
    found.is_known = false;
  }
  return found;
}

}  // namespace disk
