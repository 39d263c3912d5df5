#include "simulate/zstd_source.hpp"

#include <larder/core/error.hpp>

#include <zstd.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace simulate {
namespace {

struct free_stream {
  void operator()(ZSTD_DStream* stream) const noexcept { ::ZSTD_freeDStream(stream); }
};

class zstd_source final : public byte_source {
 public:
  zstd_source(std::unique_ptr<byte_source> packed, std::string name)
      : packed_(std::move(packed)), name_(std::move(name)), input_(::ZSTD_DStreamInSize()), stream_(::ZSTD_createDStream()) {
    if (!stream_) throw larder::error(larder::error_cause::no_space, "there is no memory to unpack trace \"" + name_ + "\"");
    ::ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 31);  // traces are often packed with --long=31
  }

  std::size_t read(char* into, std::size_t size) override {
    ZSTD_outBuffer out{into, size, 0};
    while (out.pos == 0) {
      // What did not fit the last time comes out without new input.
      if (given_.pos == given_.size && !more_inside_ && !refill()) {
        if (frame_open_)
          throw larder::error(larder::error_cause::corruption,
                              "trace \"" + name_ + "\" ends inside its zstd data; copy it again");
        return 0;
      }
      const std::size_t code = ::ZSTD_decompressStream(stream_.get(), &out, &given_);
      if (::ZSTD_isError(code) != 0)
        throw larder::error(larder::error_cause::corruption,
                            "trace \"" + name_ + "\" has damaged zstd data (" + ::ZSTD_getErrorName(code) + "); copy it again");
      frame_open_ = code != 0;
      more_inside_ = frame_open_ && out.pos == out.size;
    }
    return out.pos;
  }

 private:
  bool refill() {
    given_ = {input_.data(), packed_->read(input_.data(), input_.size()), 0};
    return given_.size != 0;
  }

  std::unique_ptr<byte_source> packed_;
  std::string name_;
  std::vector<char> input_;
  std::unique_ptr<ZSTD_DStream, free_stream> stream_;
  ZSTD_inBuffer given_{nullptr, 0, 0};
  bool frame_open_ = false;
  bool more_inside_ = false;
};

}  // namespace

bool is_zstd(std::string_view beginning) noexcept {
  if (beginning.size() < 4) return false;
  const bool frame = beginning.starts_with("\x28\xb5\x2f\xfd");
  const bool skippable = (static_cast<unsigned char>(beginning[0]) & 0xf0) == 0x50 && beginning.substr(1, 3) == "\x2a\x4d\x18";
  return frame || skippable;
}

std::unique_ptr<byte_source> unpack_zstd(std::unique_ptr<byte_source> packed, std::string name) {
  return std::make_unique<zstd_source>(std::move(packed), std::move(name));
}

}  // namespace simulate
