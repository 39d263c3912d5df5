// Any bytes as a token service's reply, in both kinds of words: refused with larder::error that repeats nothing, or a token that
// fits a header and ends later than it was asked for, within the longest life.

#include <larder/remote/access_token.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace remote = larder::remote;
  constexpr larder::instant asked_at = std::chrono::seconds(1'700'000'000);
  const std::string_view reply(reinterpret_cast<const char*>(data), size);
  for (const remote::token_words words : {remote::token_words::service, remote::token_words::command_line}) {
    try {
      const remote::access_token token = remote::access_token_reader::read(reply, "fuzz", asked_at, words);
      if (!remote::is_header_token(token.text.reveal()) || token.text.reveal().size() > size) std::abort();
      if (token.expires <= asked_at || token.expires > asked_at + remote::longest_token_life) std::abort();
      if (token.refresh_at && (*token.refresh_at <= asked_at || *token.refresh_at >= token.expires)) std::abort();
    } catch (const larder::error& thrown) {
      if (thrown.cause() != larder::error_cause::server || std::string_view(thrown.what()).size() > 200) std::abort();
    }
  }
  return 0;
}
