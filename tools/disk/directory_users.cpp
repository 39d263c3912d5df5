#include "disk/directory_users.hpp"

#include "simulate/escaped_text.hpp"

#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/sysmacros.h>

namespace disk {
namespace {

using larder::storage::file_descriptor;
using larder::storage::open_file;
using larder::storage::uninterrupted;

std::string program_of(pid_t id) {
  std::ifstream in("/proc/" + std::to_string(id) + "/comm");
  std::string name;
  std::getline(in, name);
  return simulate::printable(name);
}

/// A lock that is tried and let go of with this object; whether it was free, or nothing when that cannot be said.
struct tried_lock {
  explicit tried_lock(const std::string& path) : file(open_file(path, O_RDONLY)) {
    if (!file) {
      if (errno == ENOENT) is_free = true;  // whoever comes in makes it
      return;
    }
    if (uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0)
      is_free = true;
    else if (errno == EWOULDBLOCK)
      is_free = false;
  }
  file_descriptor file;
  std::optional<bool> is_free;
};

}  // namespace

std::string directory_users::text() const {
  if (!is_known) return "unknown: the lock files cannot be opened";
  if (!any) return "nobody";
  if (processes.empty()) return "another process";
  std::string text = processes.size() == 1 ? "process " : std::to_string(processes.size()) + " processes: ";
  for (const process& one : processes) {
    if (&one != processes.data()) text += ", ";
    text += std::to_string(one.id) + (one.program.empty() ? "" : " (" + one.program + ")");
  }
  return text;
}

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

directory_users users_of(const std::string& root) {
  directory_users found = listed_users(root);
  if (found.any) return found;
  // Whoever comes in asks whether he is alone while he holds LOCK: so nobody takes our look at USERS for a process that is in.
  for (int tries = 0;; ++tries) {
    const tried_lock coming(root + "/LOCK");
    if (coming.is_free == true) {
      const tried_lock being(root + "/USERS");
      found.is_known = being.is_free.has_value();
      found.any = being.is_free == false;
      return found;
    }
    if (!coming.is_free || tries == 20) {
      found.is_known = coming.is_free.has_value();
      found.any = found.is_known;  // somebody is coming in
      return found;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace disk
