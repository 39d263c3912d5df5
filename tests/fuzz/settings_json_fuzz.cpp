// Any bytes as settings in JSON: refused with larder::error, or settings whose text reads as the same.

#include <larder/config/settings.hpp>
#include <larder/config/settings_text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using larder::settings;
  settings read;
  try {
    read = settings::from_json(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const larder::error&) {
    return 0;
  }
  if (settings::from_json(to_text(read, larder::settings_format::json)) != read) std::abort();
  static_cast<void>(explained(read));
  static_cast<void>(read.warnings());
  try {
    read.check();
  } catch (const larder::error&) {
  }
  return 0;
}
