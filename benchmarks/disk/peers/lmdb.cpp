#include "../catalogue.hpp"

#include <lmdb.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

void check(int code, const char* what) {
  if (code != MDB_SUCCESS) throw std::runtime_error(std::string("lmdb: ") + what + ": " + ::mdb_strerror(code));
}

/// `Batch` puts in a transaction, which no commit flushes unless each put is to be: MDB_NOSYNC is what asks least of it and survives a
/// SIGKILL. The transaction of the reads is reset and renewed, as its manual advises, not made again.
template <std::size_t Batch>
class lmdb_engine {
 public:
  explicit lmdb_engine(const site& s) {
    check(::mdb_env_create(&environment_), "create");
    try {
      const std::size_t room = 4 * s.count * s.value_size + 256 * 1024 * 1024;
      check(::mdb_env_set_mapsize(environment_, room), "set the size of the map");
      check(::mdb_env_open(environment_, s.folder.c_str(), s.flushed_puts ? 0U : MDB_NOSYNC, 0600), "open");
      check(::mdb_txn_begin(environment_, nullptr, 0, &writing_), "begin");
      check(::mdb_dbi_open(writing_, nullptr, MDB_CREATE, &table_), "open the table");
      commit();
      check(::mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reading_), "begin to read");
      ::mdb_txn_reset(reading_);
    } catch (...) {
      close();
      throw;
    }
  }
  lmdb_engine(const lmdb_engine&) = delete;
  lmdb_engine& operator=(const lmdb_engine&) = delete;
  ~lmdb_engine() { close(); }

  void put(const item& one) {
    if (writing_ == nullptr) check(::mdb_txn_begin(environment_, nullptr, 0, &writing_), "begin");
    MDB_val key{one.key.size(), const_cast<char*>(one.key.data())};
    MDB_val value{one.value.size(), const_cast<std::byte*>(one.value.data())};
    check(::mdb_put(writing_, table_, &key, &value, 0), "put");
    if (++in_batch_ == Batch) commit();
  }
  void settle() { commit(); }
  void flush() { commit(); }
  template <class Use>
  bool get(const item& one, Use&& use) {
    check(::mdb_txn_renew(reading_), "begin to read");
    MDB_val key{one.key.size(), const_cast<char*>(one.key.data())};
    MDB_val value{};
    const int code = ::mdb_get(reading_, table_, &key, &value);
    if (code != MDB_NOTFOUND) check(code, "get");
    if (code == MDB_SUCCESS) use(std::span(static_cast<const std::byte*>(value.mv_data), value.mv_size));
    ::mdb_txn_reset(reading_);
    return code == MDB_SUCCESS;
  }

 private:
  void commit() {
    in_batch_ = 0;
    if (writing_ != nullptr) check(::mdb_txn_commit(std::exchange(writing_, nullptr)), "commit");
  }
  void close() {
    if (writing_ != nullptr) ::mdb_txn_abort(writing_);
    if (reading_ != nullptr) ::mdb_txn_abort(reading_);
    ::mdb_env_close(environment_);
  }

  MDB_env* environment_ = nullptr;
  MDB_txn* writing_ = nullptr;
  MDB_txn* reading_ = nullptr;
  MDB_dbi table_ = 0;
  std::size_t in_batch_ = 0;
};

}  // namespace

candidates lmdb() { return {candidate_of<lmdb_engine<1>>("lmdb"), candidate_of<lmdb_engine<100>>("lmdb_b100", false)}; }

}  // namespace bench
