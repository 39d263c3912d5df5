#include "simulate/gzip_source.hpp"

#include <larder/core/error.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace simulate {
namespace {

class gzip_source final : public byte_source {
 public:
  gzip_source(std::unique_ptr<byte_source> packed, std::string name)
      : packed_(std::move(packed)), name_(std::move(name)), input_(std::size_t{1} << 17) {
    constexpr int window_and_gzip = 15 + 16;  // the largest window; a gzip header and nothing else
    if (::inflateInit2(&stream_, window_and_gzip) != Z_OK)
      throw larder::error(larder::error_cause::no_space, "there is no memory to unpack trace \"" + name_ + "\"");
  }
  ~gzip_source() override { ::inflateEnd(&stream_); }
  gzip_source(const gzip_source&) = delete;
  gzip_source& operator=(const gzip_source&) = delete;

  std::size_t read(char* into, std::size_t size) override {
    const auto room = static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = room;
    while (stream_.avail_out == room) {
      if (stream_.avail_in == 0 && !refill()) {
        if (member_open_)
          throw larder::error(larder::error_cause::corruption,
                              "trace \"" + name_ + "\" ends inside its gzip data; copy it again");
        return 0;
      }
      member_open_ = true;
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        member_open_ = false;
        ::inflateReset(&stream_);
      } else if (code != Z_OK) {
        throw larder::error(larder::error_cause::corruption, "trace \"" + name_ + "\" has damaged gzip data (" +
                                                                 (stream_.msg != nullptr ? stream_.msg : ::zError(code)) +
                                                                 "); copy it again");
      }
    }
    return room - stream_.avail_out;
  }

 private:
  bool refill() {
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(packed_->read(input_.data(), input_.size()));
    return stream_.avail_in != 0;
  }

  std::unique_ptr<byte_source> packed_;
  std::string name_;
  std::vector<char> input_;
  z_stream stream_{};
  bool member_open_ = false;  // a file may have several members, one after the other
};

}  // namespace

bool is_gzip(std::string_view beginning) noexcept { return beginning.starts_with("\x1f\x8b"); }

std::unique_ptr<byte_source> unpack_gzip(std::unique_ptr<byte_source> packed, std::string name) {
  return std::make_unique<gzip_source>(std::move(packed), std::move(name));
}

}  // namespace simulate
