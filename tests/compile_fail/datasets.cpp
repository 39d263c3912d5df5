// The samples of a data set: what a range of them needs.
#include <larder/dataset/named_source.hpp>
#include <larder/dataset/range_source.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

class padded {  // and closed: its fields cannot be taken one by one
 public:
  padded() = default;

 private:
  [[maybe_unused]] char kind_ = 0;
  [[maybe_unused]] int number_ = 0;
};
struct with_a_pointer {
  const char* text;
  long size;
};
struct named {
  std::string name;
};
class half_named {
 public:
  explicit half_named(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

}  // namespace

template <>
struct larder::fingerprint_of<named> {
  static digest of(const named& value) { return digest_of(value.name); }
};

namespace {

[[maybe_unused]] void allowed(std::vector<padded>& records, std::vector<named>& names, std::vector<std::string>& texts) {
  const larder::range_source borrowed{texts};
  const larder::range_source by_its_own_word{names, 100};
  const larder::named_source vouched_for{"train-v1", records};
  const larder::named_source of_a_source{"train-v1", borrowed};
}

// expect 1: larder: samples of this range have no fingerprint; give it a name that changes with its content: named_source{
#if LARDER_COMPILE_FAIL == 1
larder::range_source with_padding{std::vector<padded>()};
#endif

// expect 2: larder: samples of this range have no fingerprint; give it a name that changes with its content: named_source{
#if LARDER_COMPILE_FAIL == 2
larder::range_source of_pointers{std::vector<with_a_pointer>()};
#endif

// expect 3: larder: samples of this range have no fingerprint; give it a name that changes with its content: named_source{
#if LARDER_COMPILE_FAIL == 3
auto later = larder::range_source{std::vector<half_named>()}.fingerprint(0);
#endif

// expect 4: larder: this type has no fingerprint; specialise larder::fingerprint_of for it
#if LARDER_COMPILE_FAIL == 4
void by_hand(larder::datasets::fingerprint_builder& builder, const half_named& value) { larder::datasets::add_fingerprint(builder, value); }
#endif

}  // namespace
