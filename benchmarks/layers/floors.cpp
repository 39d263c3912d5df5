#include "floors.hpp"

#include "../open_file.hpp"
#include "../mapped_file.hpp"
#include "uring.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <thread>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t unit = std::size_t{1} << 20U;

/// Memory that begins on a page, as O_DIRECT wants it, and is not touched before it is read into.
class page_room {
 public:
  explicit page_room(std::size_t size)
      : begin_(static_cast<std::byte*>(::operator new (size, std::align_val_t{page}))), size_(size) {}
  page_room(const page_room&) = delete;
  page_room& operator=(const page_room&) = delete;
  ~page_room() { ::operator delete (begin_, std::align_val_t{page}); }

  std::span<std::byte> bytes() const { return {begin_, size_}; }

 private:
  std::byte* begin_;
  std::size_t size_;
};

/// Rooms for the layers: one that all of them take in turn, or one for each.
class rooms {
 public:
  rooms(const model& m, bool kept) : kept_(kept), size_(static_cast<std::size_t>(m.largest_layer()) + 2 * page) {}

  page_room& next() {
    if (kept_ || all_.empty()) all_.push_back(std::make_unique<page_room>(size_));
    return *all_.back();
  }

 private:
  bool kept_;
  std::size_t size_;
  std::vector<std::unique_ptr<page_room>> all_;
};

/// The pages that a layer lies on: what O_DIRECT reads.
struct stretch {
  std::uint64_t offset;
  std::size_t size;
  std::size_t before;  ///< bytes of the first page that are not the layer's
};

stretch pages_of(const place& p) {
  const std::uint64_t from = p.offset / page * page;
  const std::uint64_t to = (p.offset + p.size + page - 1) / page * page;
  return {from, static_cast<std::size_t>(to - from), static_cast<std::size_t>(p.offset - from)};
}

/// `fill(descriptor, offset, room)` for the pages of each layer.
template <class Fill>
void read_direct(const model& m, bool kept, const use_layer& use, Fill&& fill) {
  const open_file file(m.path, O_RDONLY | O_DIRECT);
  rooms all(m, kept);
  for (std::size_t i = 0; i < m.layers.size(); ++i) {
    const stretch pages = pages_of(m.layers[i]);
    const std::span<std::byte> room = all.next().bytes().first(pages.size);
    fill(file.descriptor(), pages.offset, room);
    use(i, room.subspan(pages.before, static_cast<std::size_t>(m.layers[i].size)));
  }
}

/// Until the room is full or the file ends.
void read_stretch(int descriptor, std::uint64_t offset, std::span<std::byte> room) {
  while (!room.empty()) {
    const ssize_t got = ::pread(descriptor, room.data(), room.size(), static_cast<off_t>(offset));
    if (got < 0) fail_system("read past the page cache");
    if (got == 0) return;
    room = room.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
    if (static_cast<std::size_t>(got) % page != 0) return;
  }
}

void read_by_threads(int descriptor, std::uint64_t offset, std::span<std::byte> room) {
  constexpr std::size_t count = 4;
  std::vector<std::exception_ptr> failures(count);
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      try {
        for (std::size_t at = t * unit; at < room.size(); at += count * unit)
          read_stretch(descriptor, offset + at, room.subspan(at, std::min(unit, room.size() - at)));
      } catch (...) {
        failures[t] = std::current_exception();
      }
    });
  threads.clear();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

plain_reader direct_reader(bool kept) {
  if (!uring::allowed())
    return {"direct_threads", [kept](const model& m, const use_layer& use) { read_direct(m, kept, use, read_by_threads); }};
  return {"floor_uring", [kept](const model& m, const use_layer& use) {
            uring ring(16);
            read_direct(m, kept, use, [&](int descriptor, std::uint64_t offset, std::span<std::byte> room) {
              ring.read(descriptor, offset, room, unit);
            });
          }};
}

plain_reader buffered_reader(bool kept) {
  return {"pread", [kept](const model& m, const use_layer& use) {
            const open_file file(m.path, O_RDONLY);
            rooms all(m, kept);
            for (std::size_t i = 0; i < m.layers.size(); ++i) {
              const auto room = all.next().bytes().first(static_cast<std::size_t>(m.layers[i].size));
              file.read_all(room.data(), room.size(), m.layers[i].offset);
              use(i, room);
            }
          }};
}

plain_reader mapping_reader(bool ahead) {
  return {ahead ? "mmap_ahead" : "mmap", [ahead](const model& m, const use_layer& use) {
            const mapped_file file(m.path);
            for (std::size_t i = 0; i < m.layers.size(); ++i) {
              if (ahead && i + 1 < m.layers.size())
                file.will_need(static_cast<std::size_t>(m.layers[i + 1].offset), static_cast<std::size_t>(m.layers[i + 1].size));
              use(i,
                  file.bytes().subspan(static_cast<std::size_t>(m.layers[i].offset), static_cast<std::size_t>(m.layers[i].size)));
            }
          }};
}

}  // namespace bench
