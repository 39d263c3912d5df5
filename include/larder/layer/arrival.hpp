#pragma once

#include <cstdint>

namespace larder::layers {

/// Hears how far a layer has come while it is read: it looks at the bytes while they are warm, or ends the read.
class arrival {
 public:
  /// The layer's first `end` bytes are in their place; never less than before, and the layer's size at last. What it throws ends
  /// the read and is thrown by it.
  virtual void arrived(std::uint64_t end) = 0;
  /// Somebody waits for the layer: it does not stand in line behind those that are read ahead.
  virtual bool is_awaited() const noexcept { return false; }

 protected:
  ~arrival() = default;
};

}  // namespace larder::layers
