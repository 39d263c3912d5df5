// Any bytes as the record of a pass, or as a sealed one: refused with larder::error, or safe names whose sizes add up, and a text that says the same.

#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/sealed_text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

template <class Record>
std::string text_of(Record record) {
  if constexpr (requires { record.listing; })
    return record.text(nullptr);
  else
    return record.text();
}
template <class Record>
void read(std::string_view text) {
  try {
    const Record record = Record::parse(text);
    if constexpr (requires { record.files; }) {
      std::uint64_t bytes = 0;
      for (const larder::pass_file& file : record.files) {
        if (!larder::is_relative_name(file.name)) std::abort();
        bytes += file.size;
      }
      if (!record.failure && !record.listing && bytes != record.bytes) std::abort();
    }
    const std::string once = text_of(record);
    if (text_of(Record::parse(once)) != once) std::abort();
  } catch (const larder::error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read<larder::pass_record>(text);
  read<larder::evaluation_record>(text);
  const larder::artifacts::unsealed_text opened = larder::artifacts::unseal_text(text, larder::secret("key"));
  if (opened.state == larder::artifacts::seal_state::whole) read<larder::pass_record>(opened.body);
  return 0;
}
