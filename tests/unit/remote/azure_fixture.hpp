#pragma once

// What the tests of Azure's credentials share: an environment that is a map, pauses that only count, and secrets that must show
// nowhere.

#include <larder/core/error.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/testing/scripted_server.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

namespace larder::azure_tests {

using namespace std::chrono_literals;
using larder::error_cause;
using testing::scripted_answer;
using testing::scripted_request;
using testing::scripted_server;
namespace remote = larder::remote;

inline constexpr const char* planted = "PLANTED-SECRET~+/=&%";
inline constexpr const char* planted_part = "PLANTED";
inline constexpr instant asked_at = std::chrono::seconds(1'700'000'000);

/// Variables that a test sets while threads of the credential read them.
class variables {
 public:
  using map = std::map<std::string, std::string>;
  explicit variables(map values = {}) : values_(std::move(values)) {}
  void set(const std::string& name, const std::string& value) {
    const std::lock_guard guard(mutex_);
    values_[name] = value;
  }
  void erase(const std::string& name) {
    const std::lock_guard guard(mutex_);
    values_.erase(name);
  }
  std::optional<std::string> operator[](const std::string& name) const {
    const std::lock_guard guard(mutex_);
    const auto at = values_.find(name);
    return at == values_.end() || at->second.empty() ? std::nullopt : std::optional(at->second);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

/// Pauses that are over at once.
class pauses {
 public:
  remote::token_pause function() {
    return [this](std::chrono::milliseconds span, const std::stop_token& stop) {
      const std::lock_guard guard(mutex_);
      spans_.push_back(span);
      if (on_pause) on_pause(stop);
    };
  }
  std::vector<std::chrono::milliseconds> spans() const {
    const std::lock_guard guard(mutex_);
    return spans_;
  }
  std::chrono::milliseconds sum() const {
    std::chrono::milliseconds sum{0};
    for (const std::chrono::milliseconds span : spans()) sum += span;
    return sum;
  }
  std::function<void(const std::stop_token&)> on_pause{};

 private:
  mutable std::mutex mutex_;
  std::vector<std::chrono::milliseconds> spans_;
};

inline remote::azure_credential_settings settings_of(const variables& values, pauses& waited) {
  remote::azure_credential_settings settings;
  settings.unencrypted_loopback = true;
  settings.variables = [&values](const std::string& name) { return values[name]; };
  settings.pause = waited.function();
  return settings;
}

/// What the call throws, which must hold no secret.
inline std::optional<error> failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const error& thrown) {
    CHECK(std::string_view(thrown.what()).find(planted_part) == std::string_view::npos);
    return thrown;
  }
  return std::nullopt;
}
inline bool says(const std::optional<error>& thrown, std::string_view text) {
  if (thrown && std::string_view(thrown->what()).find(text) != std::string_view::npos) return true;
  MESSAGE("it says: " << (thrown ? thrown->what() : "nothing") << "; not: " << std::string(text));
  return false;
}

class scratch_folder : public support::temporary_folder {
 public:
  std::string write(const std::string& name, std::string_view text, bool executable = false) const {
    const std::filesystem::path file = *this / name;
    {
      std::ofstream out(file, std::ios::binary | std::ios::trunc);
      out << text;
    }
    if (executable) std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file.string();
  }
};

}  // namespace larder::azure_tests
