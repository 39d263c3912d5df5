#include "subject.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

namespace bench {
namespace {

/// The file, and where its k-th sample of the epoch lies.
class mapped_samples {
 public:
  mapped_samples(const site& s, bool shuffled)
      : file_(s.samples.path), count_(s.samples.count), order_(shuffled ? s.order.data() : nullptr) {}

  std::size_t count() const { return count_; }
  std::span<const std::byte> operator[](std::size_t k) const {
    return file_.bytes().subspan((order_ != nullptr ? order_[k] : k) * sample_size, sample_size);
  }

 private:
  mapped_file file_;
  std::size_t count_;
  const std::uint32_t* order_;
};

epoch_marks walk(const mapped_samples& samples) {
  epoch_marks marks;
  for (std::size_t k = 0; k < samples.count(); ++k) marks.add(samples[k]);
  return marks;
}

epoch_marks copy(const mapped_samples& samples, std::span<std::byte> room) {
  epoch_marks marks;
  for (std::size_t begin = 0; begin < samples.count(); begin += batch_size) {
    const std::size_t size = std::min(batch_size, samples.count() - begin);
    for (std::size_t i = 0; i < size; ++i) std::memcpy(room.data() + i * sample_size, samples[begin + i].data(), sample_size);
    for (std::size_t i = 0; i < size; ++i) marks.add(room.subspan(i * sample_size, sample_size));
  }
  return marks;
}

}  // namespace

subject mapping() {
  return {"mapping", nullptr, [](const site& s, const larder_way& way) -> epoch_walk {
            const auto samples = std::make_shared<const mapped_samples>(s, way.shuffled);
            if (!way.copied) return [samples] { return walk(*samples); };
            const auto room = std::make_shared<std::vector<std::byte>>(batch_size * sample_size);
            return [samples, room] { return copy(*samples, *room); };
          }};
}

}  // namespace bench
