// Any bytes as the journal of a file that is being fetched, beside data that is right here and wrong there, then the same journal with the checksums
// that it would have: what is resumed is what lies in the file under the digest that the journal gives, a second process finds the same, and the
// file can be completed. An input is a byte that says how the data is, and the journal. Most files have one short chunk, since reading long ones is all
// that a run would do.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/partial_file.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/changed_text.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

using larder::artifacts::chunk_size;
using larder::artifacts::partial_file;

constexpr std::uint64_t small_size = 1000, large_size = chunk_size + 5;

void must(bool holds) {
  if (!holds) std::abort();
}

std::uint64_t number_in(std::string_view text, std::size_t at) {
  std::uint64_t number = 0;
  for (unsigned i = 8; i-- > 0;) number = number << 8U | static_cast<unsigned char>(text[at + i]);
  return number;
}
void put(std::string& text, std::size_t at, std::uint64_t number) {
  for (unsigned i = 0; i < 8; ++i) text[at + i] = static_cast<char>(number >> (8 * i) & 0xffU);
}
void put(std::string& text, std::size_t at, const larder::digest& d) {
  put(text, at, d.low);
  put(text, at + 8, d.high);
}

/// The journal with its mark and all checksums right; sizes and numbers stay as wrong as they are, but for sizes that no test has room for.
std::string sealed(std::string journal) {
  if (journal.size() < 64) return journal;
  journal.replace(0, 16, "larder partial 1");
  if (const std::uint64_t size = number_in(journal, 16); size > 2 * large_size && size < std::uint64_t{1} << 44U)
    put(journal, 16, size % (2 * small_size));
  put(journal, 48, larder::digest_of(std::string_view(journal).substr(0, 48)));
  for (std::size_t at = 64; at + 40 <= journal.size(); at += 40) {
    std::string text = journal.substr(at, 8) + journal.substr(16, 8) + journal.substr(at + 8, 16) + journal.substr(32, 16);
    put(journal, at + 24, larder::digest_of(std::string_view(text)));
  }
  return journal;
}

class left_behind {
 public:
  left_behind() {
    for (const bool is_large : {false, true}) {
      partial_file file(path());
      file.restart();
      file.start(is_large ? large_size : small_size, larder::digest_of("version"), false);
      for (std::size_t i = 0; i < file.count(); ++i) file.landed(i, digest_of_zeros(file.size_of(i)));
      (is_large ? large_ : small_) = larder::artifacts::read_small_file(folder_ / "data.journal", 4096).value();
    }
  }
  std::filesystem::path path() const { return folder_ / "data"; }
  const std::string& journal(bool is_large) const { return is_large ? large_ : small_; }

  /// Lays out the files anew: zeros, some of them not.
  void lay_out(const std::string& journal, unsigned how) const {
    support::write_file(folder_ / "data", (how & 1U) != 0 ? "x" : "");
    if ((how & 2U) != 0) std::filesystem::resize_file(folder_ / "data", (how & 4U) != 0 ? small_size : chunk_size + 1);
    support::write_file(folder_ / "data.journal", journal);
  }

 private:
  static larder::digest digest_of_zeros(std::uint64_t size) {
    return larder::digest_of(std::span<const std::byte>(std::vector<std::byte>(static_cast<std::size_t>(size))));
  }

  support::temporary_folder folder_;
  std::string small_, large_;
};

larder::digest digest_in(const partial_file& file, std::size_t chunk) {
  std::vector<std::byte> content(static_cast<std::size_t>(file.size_of(chunk)));
  must(larder::storage::read_at(file.file(), content.data(), content.size(), chunk * chunk_size, file.path().string()) ==
       content.size());
  return larder::digest_of(std::span<const std::byte>(content));
}

void resume(const left_behind& there) {
  std::vector<bool> had;
  std::uint64_t resumed = 0;
  try {
    partial_file file(there.path());
    resumed = file.resume({});
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < file.count(); ++i) {
      had.push_back(file.has(i));
      if (file.has(i)) sum += file.size_of(i);
    }
    must(sum == resumed && (file.started() || file.count() == 0));
  } catch (const larder::error& e) {
    must(e.cause() == larder::error_cause::server);  // a size that cannot be
    return;
  }
  partial_file file(there.path());
  must(file.resume({}) == resumed && file.count() == had.size());
  if (!file.started()) file.start(small_size, {}, false);
  for (std::size_t i = 0; i < file.count(); ++i) {
    must(had.empty() || file.has(i) == had[i]);
    const larder::digest found = digest_in(file, i);
    if (!file.has(i)) file.landed(i, found);
  }
  const larder::artifacts::chunk_list list = file.chunks();
  must(list.size == file.size() && list.chunks.size() == file.count());
  for (std::size_t i = 0; i < file.count(); ++i) must(list.chunks[i] == digest_in(file, i));
  partial_file whole(there.path());
  must(whole.resume({}) == file.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const left_behind there;
  const std::string given(reinterpret_cast<const char*>(data + 1), size - 1);
  there.lay_out(given, data[0]);
  resume(there);
  const std::string changed = support::changed_text(there.journal((data[0] & 0xf0U) == 0xf0U), {data + 1, size - 1});
  for (const std::string& journal : {sealed(given), changed, sealed(changed)}) {
    there.lay_out(journal, data[0]);
    resume(there);
  }
  return 0;
}
