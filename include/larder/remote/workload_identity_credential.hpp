#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_authority.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/credential_unavailable.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace larder::remote {

/// The token in a file, as another platform (Kubernetes) puts it there, changed for one of Azure: AZURE_TENANT_ID, AZURE_CLIENT_ID and
/// AZURE_FEDERATED_TOKEN_FILE, which are read once. The file is read anew for each fetch, since the platform replaces it. A `token_credential`.
template <http_transport Transport = curl_transport>
class workload_identity_credential {
 public:
  static constexpr std::size_t largest_file = std::size_t{64} << 10U;

  /// Sends and reads nothing. Throws `credential_unavailable` when a variable is not set, `larder::error` when one cannot be used.
  explicit workload_identity_credential(const azure_credential_settings& settings)
      : workload_identity_credential(
            settings, needed_variables(checked(settings), {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"})) {
  }

  access_token fetch(const std::stop_token& stop, instant asked_at) {
    const secret assertion = read_file();
    return authority_.exchange({{"client_id", client_},
                                {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                                {"client_assertion", assertion.reveal()}},
                               stop, asked_at);
  }

 private:
  workload_identity_credential(const azure_credential_settings& settings, const std::vector<std::string>& values)
      : client_(values[1]), file_(values[2]), authority_(settings, values[0]) {}

  std::string named() const { return "AZURE_FEDERATED_TOKEN_FILE: \"" + file_ + "\" "; }

  secret read_file() const {
    struct descriptor {
      explicit descriptor(const std::string& path)
          : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}  // a pipe must not hold us
      descriptor(const descriptor&) = delete;
      descriptor& operator=(const descriptor&) = delete;
      ~descriptor() {
        if (number >= 0) ::close(number);
      }
      int number;
    } const file(file_);
    if (file.number < 0) {
      const int why = errno;
      const std::string message = named() + "cannot be opened: " + std::generic_category().message(why);
      if (why == ENOENT) throw credential_unavailable(message);
      core::fail(error_cause::io, message);
    }
    struct stat about {};
    if (::fstat(file.number, &about) != 0 || !S_ISREG(about.st_mode))
      core::fail(error_cause::invalid_argument, named() + "is not a regular file");
    std::string room(largest_file + 1, '\0');
    std::size_t size = 0;
    while (size < room.size()) {
      const ssize_t n = ::read(file.number, room.data() + size, room.size() - size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) core::fail(error_cause::io, named() + "cannot be read: " + std::generic_category().message(errno));
      if (n == 0) break;
      size += static_cast<std::size_t>(n);
    }
    if (size > largest_file)
      core::fail(error_cause::invalid_argument,
                 named() + "is longer than " + std::to_string(largest_file) + " bytes; a token is much shorter");
    std::string_view text(room.data(), size);
    constexpr std::string_view blank = " \t\r\n";
    while (!text.empty() && blank.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    while (!text.empty() && blank.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    if (!is_header_token(text))
      core::fail(error_cause::invalid_argument, named() + "holds no token: it is empty, or has characters that no token has");
    secret token(text);
    std::fill(room.begin(), room.end(), '\0');
    return token;
  }

  std::string client_;
  std::string file_;
  azure_authority<Transport> authority_;
};

}  // namespace larder::remote
