// Any bytes as what a client of the weight server says, in pieces of any size: the same refusal or the same head however they were cut, and
// whatever is read of it stays inside what was said and makes a safe answer.

#include <larder/serve/chunk_address.hpp>
#include <larder/serve/entity_tag.hpp>
#include <larder/serve/request_head.hpp>
#include <larder/serve/requested_range.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace {

namespace serve = larder::serve;

constexpr serve::request_limits limits{.line = 200, .head = 1000, .fields = 10};

struct outcome {
  int refusal = 0;
  std::size_t end = 0;
};

outcome scan(std::string_view text, std::size_t step) {
  serve::head_scan found;
  outcome out;
  for (std::size_t n = 0; n < text.size() && out.refusal == 0 && found.end() == 0;) {
    n = n + step < text.size() ? n + step : text.size();
    out.refusal = found.read(text.substr(0, n), limits);
  }
  out.end = found.end();
  return out;
}

void need(bool condition) {
  if (!condition) std::abort();
}
bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() == nullptr || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const outcome whole = scan(text, text.size() + 1);
  const outcome cut = scan(text, data[0] % 16 + std::size_t{1});
  need(whole.refusal == cut.refusal && whole.end == cut.end);
  if (whole.refusal != 0 || whole.end == 0) return 0;
  const std::string_view head = text.substr(0, whole.end);
  need((head.ends_with("\r\n\r\n") || head == "\r\n") && head.size() <= limits.head);
  for (std::size_t i = 0; i < head.size(); ++i) need(head[i] != '\n' || head[i - 1] == '\r');
  serve::request_head request;
  if (serve::parse_head(head, request) != 0) return 0;
  need(head.size() > 2);  // a line that is empty begins no request
  for (const std::string_view part : {request.method, request.target, request.range, request.if_range, request.if_match,
                                      request.if_none_match, request.authorization}) {
    need(lies_in(part, head));
    need(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  }
  for (const std::uint64_t content : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    const serve::content_part part = serve::choose_part(request.range, content);
    if (part.what == serve::content_part::kind::part)
      need(part.size > 0 && part.first < content && part.size <= content - part.first);
    if (part.what == serve::content_part::kind::whole) need(part.first == 0 && part.size == content);
  }
  static_cast<void>(serve::meet_conditions(request, "\"abc\""));
  static_cast<void>(serve::range_holds(request, "\"abc\""));
  const std::optional<serve::chunk_address> asked = serve::parse_chunk_target(request.target);
  if (asked) need(lies_in(asked->key, head) && serve::is_chunk_name(asked->name()));
  return 0;
}
