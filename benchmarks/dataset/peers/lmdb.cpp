#include "../subject.hpp"

#include <lmdb.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {
namespace {

void check(int code, const char* what) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("lmdb: ") + what + ": " + ::mdb_strerror(code));
}

/// The samples under their numbers, which LMDB compares as such.
class environment {
 public:
  environment(const std::filesystem::path& folder, std::uint64_t bytes, unsigned flags) {
    check(::mdb_env_create(&environment_), "create");
    try {
      check(::mdb_env_set_mapsize(environment_, static_cast<std::size_t>(2 * bytes) + (std::size_t{64} << 20U)),
            "set the size of the map");
      check(::mdb_env_open(environment_, folder.c_str(), flags, 0600), "open");
      check(::mdb_txn_begin(environment_, nullptr, flags & MDB_RDONLY, &transaction_), "begin");
      check(::mdb_dbi_open(transaction_, nullptr, MDB_INTEGERKEY | (flags & MDB_RDONLY ? 0U : unsigned{MDB_CREATE}), &table_),
            "open the table");
    } catch (...) {
      close();
      throw;
    }
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() { close(); }

  void append(std::size_t number, std::span<const std::byte> sample) {
    MDB_val key{sizeof number, &number};
    MDB_val value{sample.size(), const_cast<std::byte*>(sample.data())};
    check(::mdb_put(transaction_, table_, &key, &value, MDB_APPEND), "put");
  }
  void commit() { check(::mdb_txn_commit(std::exchange(transaction_, nullptr)), "commit"); }

  /// `use(sample)` for each in the order of the numbers.
  template <class Use>
  void each(Use&& use) const {
    MDB_cursor* cursor = nullptr;
    check(::mdb_cursor_open(transaction_, table_, &cursor), "open a cursor");
    const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> closed(cursor, ::mdb_cursor_close);
    MDB_val key{};
    MDB_val value{};
    int code = ::mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; code == MDB_SUCCESS; code = ::mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) use(span_of(value));
    if (code != MDB_NOTFOUND) check(code, "get");
  }
  std::span<const std::byte> get(std::size_t number) const {
    MDB_val key{sizeof number, &number};
    MDB_val value{};
    check(::mdb_get(transaction_, table_, &key, &value), "get");
    return span_of(value);
  }

 private:
  static std::span<const std::byte> span_of(const MDB_val& value) {
    return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
  }
  void close() {
    if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
    ::mdb_env_close(environment_);
  }

  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi table_ = 0;
};

/// Uses samples where they lie, or copies 64 of them at a time into one buffer and uses them there.
class consumer {
 public:
  explicit consumer(bool copies) : room_(copies ? batch_size * sample_size : 0) {}

  void take(std::span<const std::byte> sample) {
    if (room_.empty()) return marks_.add(sample);
    std::memcpy(room_.data() + filled_ * sample_size, sample.data(), sample_size);
    if (++filled_ == batch_size) use();
  }
  epoch_marks end() {
    use();
    return std::exchange(marks_, {});
  }

 private:
  void use() {
    for (std::size_t i = 0; i < filled_; ++i) marks_.add(std::span(room_).subspan(i * sample_size, sample_size));
    filled_ = 0;
  }

  std::vector<std::byte> room_;
  std::size_t filled_ = 0;
  epoch_marks marks_;
};

void prepare(const site& s) {
  environment made(s.of("lmdb"), s.samples.size(), MDB_NOSYNC);
  const mapped_file file(s.samples.path);
  for (std::size_t i = 0; i < s.samples.count; ++i) made.append(i, file.bytes().subspan(i * sample_size, sample_size));
  made.commit();
}

epoch_walk open(const site& s, const larder_way& way) {
  const auto samples = std::make_shared<const environment>(s.of("lmdb"), s.samples.size(), MDB_RDONLY | MDB_NORDAHEAD);
  const auto to = std::make_shared<consumer>(way.copied);
  if (!way.shuffled)
    return [samples, to] {
      samples->each([&](std::span<const std::byte> sample) { to->take(sample); });
      return to->end();
    };
  return [&s, samples, to] {
    for (const std::uint32_t number : s.order) to->take(samples->get(number));
    return to->end();
  };
}

}  // namespace

std::vector<subject> lmdb() { return {{"lmdb", prepare, open}}; }

}  // namespace bench
