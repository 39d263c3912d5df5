#include "../catalogue.hpp"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

void check(const ::rocksdb::Status& status, const char* what) {
  if (!status.ok()) throw std::runtime_error(std::string("rocksdb: ") + what + ": " + status.ToString());
}

/// With its log, and as it comes but for two things that favour it: no compression of what cannot be compressed, and Bloom filters.
template <bool Blobs>
class rocksdb_engine {
 public:
  explicit rocksdb_engine(const site& s) {
    ::rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = ::rocksdb::kNoCompression;
    ::rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(10));
    options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(table));
    if (Blobs) {
      options.enable_blob_files = true;
      options.min_blob_size = 1024;
    }
    writing_.sync = s.flushed_puts;
    ::rocksdb::DB* opened = nullptr;
    check(::rocksdb::DB::Open(options, s.folder.string(), &opened), "open");
    database_.reset(opened);
  }
  rocksdb_engine(const rocksdb_engine&) = delete;
  rocksdb_engine& operator=(const rocksdb_engine&) = delete;
  ~rocksdb_engine() {
    found_.Reset();
    database_->Close().PermitUncheckedError();
  }

  void put(const item& one) {
    const ::rocksdb::Slice value(reinterpret_cast<const char*>(one.value.data()), one.value.size());
    check(database_->Put(writing_, one.key, value), "put");
  }
  void settle() {}
  void flush() {}  // each put was, by its WriteOptions::sync
  template <class Use>
  bool get(const item& one, Use&& use) {
    found_.Reset();
    const ::rocksdb::Status status = database_->Get({}, database_->DefaultColumnFamily(), one.key, &found_);
    if (status.IsNotFound()) return false;
    check(status, "get");
    use(std::span(reinterpret_cast<const std::byte*>(found_.data()), found_.size()));
    return true;
  }

 private:
  std::unique_ptr<::rocksdb::DB> database_;
  ::rocksdb::WriteOptions writing_;
  ::rocksdb::PinnableSlice found_;
};

}  // namespace

candidates rocksdb() {
  return {candidate_of<rocksdb_engine<false>>("rocksdb"), candidate_of<rocksdb_engine<true>>("rocksdb_blob", false)};
}

}  // namespace bench
