#pragma once

// The keys that the tools of AWS are configured with, from the same places: the environment, then the shared files
// (`~/.aws/credentials` and `~/.aws/config`). Only keys are read: profiles that name a role, a process or a sign-on
// service are refused with a word, because following them needs the vendor's own machinery.

#include <larder/core/error.hpp>
#include <larder/remote/environment.hpp>
#include <larder/remote/secret.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Who asks. A key of an account has no session token, a temporary one has.
struct aws_credentials {
  std::string access_key_id;
  secret secret_access_key;
  secret session_token;
};

/// One profile of a shared file: `[name]` (or `[profile name]`) and the `key = value` lines below it.
class aws_profile {
 public:
  /// The last of several sections wins key by key, as with the vendor's tools; lines that are indented belong to a key's own table and are passed over.
  static aws_profile read(std::string_view text, std::string_view name) {
    aws_profile out;
    bool inside = false;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.empty() || line.front() == '#' || line.front() == ';') continue;
      if (line.front() == '[') {
        inside = names(line, name);
        out.found_ = out.found_ || inside;
      } else if (const std::size_t equals = line.find('=');
                 inside && equals != std::string_view::npos && !is_space(line.front())) {
        out.values_.insert_or_assign(std::string(trimmed(line.substr(0, equals))),
                                     secret(without_comment(line.substr(equals + 1))));
      }
    }
    return out;
  }

  bool found() const noexcept { return found_; }
  secret get(const std::string& key) const {
    const auto at = values_.find(key);
    return at == values_.end() ? secret{} : at->second;
  }

 private:
  static bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
  static std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
  }
  /// A comment begins at a `#` or `;` that follows a space; keys hold such characters, never after a space.
  static std::string_view without_comment(std::string_view value) noexcept {
    for (std::size_t i = 1; i < value.size(); ++i)
      if ((value[i] == '#' || value[i] == ';') && is_space(value[i - 1])) return trimmed(value.substr(0, i));
    return trimmed(value);
  }
  static bool names(std::string_view line, std::string_view name) noexcept {
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) return false;
    std::string_view inside = trimmed(line.substr(1, close - 1));
    if (inside == name) return true;
    constexpr std::string_view word = "profile";
    return inside.starts_with(word) && inside.size() > word.size() && is_space(inside[word.size()]) &&
           trimmed(inside.substr(word.size())) == name;
  }

  std::map<std::string, secret> values_;
  bool found_ = false;
};

/// What the environment and the shared files say. Everything is read when it is asked for.
class aws_environment {
 public:
  static constexpr std::size_t max_file = std::size_t{1} << 20U;

  /// `profile` names one to be taken from the files, whatever keys the environment holds; empty: AWS_PROFILE, then `default`.
  explicit aws_environment(environment_reader environment, std::string profile = {})
      : environment_(std::move(environment)), profile_(std::move(profile)) {}

  /// Throws `larder::error` that says where it looked when there are no keys.
  aws_credentials credentials() const {
    if (profile_.empty()) {
      const std::string id = variable("AWS_ACCESS_KEY_ID");
      const secret key(variable("AWS_SECRET_ACCESS_KEY"));
      if (id.empty() != key.empty())
        core::fail(error_cause::invalid_argument, std::string("s3: the environment has ") +
                                                      (id.empty() ? "AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID"
                                                                  : "AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY") +
                                                      "; set both or neither");
      if (!id.empty()) return {id, key, secret(variable("AWS_SESSION_TOKEN"))};
    }
    const std::string name = profile_name();
    const aws_profile keys = profile_in(credentials_file(), name);
    const aws_profile settings = profile_in(config_file(), name);
    for (const aws_profile* const profile : {&keys, &settings}) {
      const secret id = profile->get("aws_access_key_id");
      const secret key = profile->get("aws_secret_access_key");
      if (!id.empty() && !key.empty()) return {std::string(id.reveal()), key, profile->get("aws_session_token")};
    }
    const std::string where = "profile \"" + name + "\" of " + shown(credentials_file()) + " and " + shown(config_file());
    if (keys.found() || settings.found())
      core::fail(error_cause::invalid_argument,
                 "s3: the " + where +
                     " has no aws_access_key_id with its aws_secret_access_key (roles, processes and sign-on are not followed); "
                     "put keys there, or give them in the settings or the environment");
    core::fail(error_cause::invalid_argument,
               "s3: there are no credentials: none in the settings, in AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or in the " +
                   where + "; give them in one of these places, or set anonymous for a public bucket");
  }

  /// The region that the environment or the profile names; empty when none does.
  std::string region() const {
    for (const char* const name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
      if (std::string value = variable(name); !value.empty()) return value;
    for (const std::string& file : {credentials_file(), config_file()})
      if (const secret value = profile_in(file, profile_name()).get("region"); !value.empty()) return std::string(value.reveal());
    return {};
  }

 private:
  std::string variable(const char* name) const { return environment_(name).value_or(""); }
  std::string profile_name() const {
    if (!profile_.empty()) return profile_;
    const std::string named = variable("AWS_PROFILE");
    return named.empty() ? "default" : named;
  }
  std::string credentials_file() const { return file("AWS_SHARED_CREDENTIALS_FILE", "credentials"); }
  std::string config_file() const { return file("AWS_CONFIG_FILE", "config"); }
  std::string file(const char* name, const char* usual) const {
    if (std::string path = variable(name); !path.empty()) return path;
    const std::string home = variable("HOME");
    return home.empty() ? "" : home + "/.aws/" + usual;
  }
  static std::string shown(const std::string& path) { return path.empty() ? "~/.aws (HOME is not set)" : path; }

  static aws_profile profile_in(const std::string& path, const std::string& name) {
    if (path.empty()) return {};
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return {};  // absent, or not for us: then it is as good as absent, and the message says where was looked
    std::string text(max_file + 1, '\0');
    struct wiper {
      std::string* text;
      ~wiper() { std::fill(text->begin(), text->end(), '\0'); }
    } const wiped_at_the_end{&text};
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    const auto size = static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0));
    if (size > max_file)
      core::fail(error_cause::invalid_argument,
                 "s3: " + path + " has more than " + std::to_string(max_file) +
                     " bytes and is no file of profiles; check AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE");
    return aws_profile::read(std::string_view(text).substr(0, size), name);
  }

  environment_reader environment_;
  std::string profile_;
};

}  // namespace larder::remote
