#pragma once

#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/sealed_text.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace larder::artifacts {

enum class record_state : std::uint8_t {
  absent,
  whole,
  damaged,  ///< by accident: its checksum does not fit
  poisoned,  ///< on purpose, or by a collision: it is another key's, nobody with the key has signed it, or no program of ours writes such
};

/// What was found under an id.
template <class Record>
struct found_record {
  record_state state = record_state::absent;
  std::optional<Record> record{};  ///< when it is whole
};

/// Reads what was stored as the record of `key`. With a secret only what is signed by it is believed.
template <class Record>
found_record<Record> read_record(std::string_view text, const pass_key& key, const secret& signing) {
  const unsealed_text opened = unseal_text(text, signing);
  if (opened.state == seal_state::damaged) return {record_state::damaged, {}};
  if (opened.state == seal_state::forged) return {record_state::poisoned, {}};
  try {
    Record record = Record::parse(opened.body);
    if (record.id != key.id || record.key != key.text) return {record_state::poisoned, {}};
    return {record_state::whole, std::move(record)};
  } catch (const error&) {  // what is wrong with it is the writer's to know
    return {record_state::poisoned, {}};
  }
}

}  // namespace larder::artifacts
