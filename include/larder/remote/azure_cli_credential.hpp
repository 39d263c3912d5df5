#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/bounded_command.hpp>
#include <larder/remote/credential_unavailable.hpp>
#include <larder/remote/environment.hpp>
#include <larder/remote/secret.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// The developer who is logged in on this machine: `az account get-access-token`, by the first `az` in PATH. A `token_credential`.
class azure_cli_credential {
 public:
  static constexpr std::size_t longest_complaint = 250;

  /// Runs nothing. Throws `larder::error` for settings that cannot work.
  explicit azure_cli_credential(const azure_credential_settings& settings)
      : variables_(checked(settings).variables), most_time_(settings.command_time), arguments_{"account",  "get-access-token",
                                                                                               "--output", "json",
                                                                                               "--scope",  settings.scope} {
    if (!settings.tenant.empty()) arguments_.insert(arguments_.end(), {"--tenant", settings.tenant});
  }

  /// Throws `credential_unavailable` when there is no `az` or nobody is logged in.
  access_token fetch(const std::stop_token& stop, instant asked_at) const {
    bounded_command command;
    command.program = program();
    command.arguments = arguments_;
    command.most_time = most_time_;
    command.most_output = token_reply_limit;
    const bounded_command::result got = command.run(stop);
    const std::string subject = "\"" + command.program + " account get-access-token\"";
    switch (got.how) {
      case bounded_command::ending::late:
        core::fail(error_cause::timeout, subject + " was stopped after " + std::to_string(most_time_.count()) +
                                             " ms; see whether it waits for something");
      case bounded_command::ending::too_long:
        core::fail(error_cause::server,
                   subject + " wrote more than " + std::to_string(token_reply_limit) + " bytes; is this az the Azure CLI?");
      case bounded_command::ending::stopped:
        core::fail(error_cause::cancelled, subject + " was ended because a stop was requested");
      case bounded_command::ending::exited:
        break;
    }
    if (got.status.value_or(0) == 0)
      return access_token_reader::read(got.output.reveal(), "what " + subject + " wrote", asked_at, token_words::command_line);
    const std::string message = subject + " exited with " + std::to_string(*got.status) + ": " + printable(got.complaints);
    if (got.complaints.find("az login") != std::string::npos) throw credential_unavailable(message);
    core::fail(error_cause::unauthorized, message + "; run it by hand");
  }

 private:
  /// The first `az` in the absolute folders of PATH. Others are passed over: what lies in the current folder may be anybody's.
  std::string program() const {
    const std::string path = variables_("PATH").value_or("");
    for (std::string_view rest = path; !rest.empty();) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      const std::string candidate = std::string(rest.substr(0, end)) + "/az";
      rest.remove_prefix(std::min(end + 1, rest.size()));
      struct stat about {};
      const bool absolute = candidate.front() == '/' && candidate != "/az";
      if (absolute && ::stat(candidate.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(candidate.c_str(), X_OK) == 0)
        return candidate;
    }
    throw credential_unavailable("there is no az (the Azure CLI) in PATH");
  }

  /// The beginning of what the program complained of, in one line, without long runs of characters as tokens and keys are.
  static std::string printable(std::string_view complaints) {
    constexpr std::size_t longest_word = 40;
    std::string out;
    while (!complaints.empty() && out.size() < longest_complaint) {
      const auto blank = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
      const auto end = static_cast<std::size_t>(std::find_if(complaints.begin(), complaints.end(), blank) - complaints.begin());
      if (end != 0 && !out.empty()) out += ' ';
      for (const char c : complaints.substr(0, end > longest_word ? 0 : end))
        out += static_cast<unsigned char>(c) < 0x7f ? c : '?';
      if (end > longest_word) out += "...";
      complaints.remove_prefix(std::min(end + 1, complaints.size()));
    }
    if (out.size() > longest_complaint) out.resize(longest_complaint);
    return out.empty() ? "it gives no reason" : out;
  }

  environment_reader variables_;
  std::chrono::milliseconds most_time_;
  std::vector<std::string> arguments_;
};

}  // namespace larder::remote
