#include <larder/remote/secret.hpp>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

namespace {

template <class T>
constexpr bool printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!printable<larder::secret>);
static_assert(!std::is_convertible_v<larder::secret, std::string> && !std::is_convertible_v<larder::secret, std::string_view>);
static_assert(!std::is_constructible_v<std::string, larder::secret>);

}  // namespace

TEST_CASE("a secret is copied, moved and shown only when asked") {
  larder::secret a = "word";
  larder::secret b = a;
  CHECK(b.reveal() == "word");
  larder::secret c = std::move(a);
  CHECK(c.reveal() == "word");
  CHECK(a.empty());  // NOLINT: a moved-from secret is empty by contract
  b = larder::secret(std::string("other"));
  CHECK(b.reveal() == "other");
  CHECK(larder::secret{}.empty());
}
