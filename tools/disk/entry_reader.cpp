#include "disk/entry_reader.hpp"

#include "disk/key_text.hpp"

#include <algorithm>

namespace disk {

using larder::format::record_kind;
using larder::format::segment_record;
using larder::storage::segment_window;

std::string text_of_place(larder::format::record_place at) {
  return "segment " + std::to_string(at.segment) + ", unit " + std::to_string(at.unit);
}

std::string entry::place() const {
  if (file) return larder::storage::value_files::name_of(file->number);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[at.segment >> shift & 15];
  return text + "/" + std::to_string(at.unit);
}

std::string entry::title() const {
  std::string text = key ? key_text(*key) : "(the key cannot be read; its digest is " + info.id.hex() + ")";
  if (key && !is_right) text += "  [the head is damaged, so the key may be wrong]";
  if (!later.empty()) text += "  [" + later + ", written by a later version]";
  return text;
}

segment_window& entry_reader::window(std::uint32_t number) {
  const auto found = std::find_if(windows_.begin(), windows_.end(), [&](const opened& one) { return one.number == number; });
  if (found != windows_.end()) {
    windows_.splice(windows_.begin(), windows_, found);
  } else {
    windows_.push_front({number, segment_window(of_->path_of_segment(number), number, least_read_)});
    if (windows_.size() > most_windows) windows_.pop_back();
  }
  return windows_.front().window;
}

entry entry_reader::read(const inspected_segment& in, const inspected_record& record) {
  entry found;
  found.at = in.place(record);
  found.info = record.entry;
  found.used = larder::format::use_stamp::decode(record.use, found.at);
  if (record.reference != inspected_record::no_reference) found.file = of_->references()[record.reference];
  found.payload_size = found.file ? larder::format::file_reference::encoded_size : record.entry.weight;
  found.record_size =
      segment_record::round_up(segment_record::header_size + found.payload_size, larder::format::record_place::unit_size);
  if (const auto head = window(in.number).head(record.entry.unit)) {
    found.key = text_of(head->key);
    found.is_right = head->is_right;
    if (head->is_right && !head->is_known) {
      found.later = "kind " + std::to_string(static_cast<unsigned>(head->record.kind));
      if (std::any_of(head->flags.begin(), head->flags.end(), [](std::uint8_t flag) { return flag != 0; }))
        found.later += ", flags " + hexadecimal({reinterpret_cast<const char*>(head->flags.data()), head->flags.size()});
    }
    found.payload_checksum = head->record.payload_checksum;
    if (head->is_right) {
      found.record_size = head->record.size();
      found.payload_size = head->record.payload_size;
    }
  }
  return found;
}

}  // namespace disk
