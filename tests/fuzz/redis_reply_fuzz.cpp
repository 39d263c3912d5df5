// Any bytes as a reply of a server, in pieces of any size: refused with larder::error, unfinished, or a reply that is the same however it was cut.

#include <larder/remote/redis_error.hpp>
#include <larder/remote/redis_reply.hpp>
#include <larder/remote/redis_slots.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace {

using larder::remote::redis_reply;

struct outcome {
  bool refused = false;
  std::size_t used = 0;
  std::optional<redis_reply> reply;
};

outcome read(std::string_view text, std::size_t step) {
  outcome out;
  try {
    larder::remote::redis_reply_parser parser;
    while (out.used < text.size() && !out.reply) {
      auto made = parser.parse(text.substr(out.used, step));
      out.used += made.used;
      out.reply = std::move(made.reply);
    }
  } catch (const larder::error&) {
    out.refused = true;
  }
  return out;
}
bool same(const redis_reply& a, const redis_reply& b) {
  if (a.kind != b.kind || a.number != b.number || a.text != b.text || a.elements.size() != b.elements.size()) return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i)
    if (!same(a.elements[i], b.elements[i])) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const outcome whole = read(text, text.size() + 1);
  const outcome cut = read(text, data[0] % 16 + std::size_t{1});
  if (whole.refused != cut.refused || whole.reply.has_value() != cut.reply.has_value()) std::abort();
  if (whole.reply && (whole.used != cut.used || !same(*whole.reply, *cut.reply))) std::abort();
  const larder::remote::redis_address asked{"h", 1, {}};
  if (whole.reply) static_cast<void>(larder::remote::redis_slots::read(*whole.reply, asked));
  static_cast<void>(larder::remote::parse_redirection(text, asked));
  static_cast<void>(larder::remote::meaning_of_redis_error(text));
  return 0;
}
