// Any bytes as settings in YAML: refused with larder::error, or settings whose text reads as the same, in YAML and in JSON.

#include <larder/config/settings.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/yaml.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using larder::settings;
  settings read;
  try {
    read = settings::from_yaml(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const larder::error&) {
    return 0;
  }
  if (settings::from_yaml(to_text(read, larder::settings_format::yaml)) != read) std::abort();
  if (settings::from_json(to_text(read, larder::settings_format::json)) != read) std::abort();
  return 0;
}
