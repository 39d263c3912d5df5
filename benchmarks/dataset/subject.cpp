#include "subject.hpp"

#include "../open_file.hpp"

#include <fcntl.h>

namespace bench {

site make_site(const std::filesystem::path& folder, std::size_t count) {
  site made{write_samples(folder / "samples", count), shuffled_order(count), folder};
  open_file(folder / "order", O_RDWR | O_CREAT).write_all(made.order.data(), made.order.size() * sizeof made.order[0], 0);
  return made;
}

}  // namespace bench
