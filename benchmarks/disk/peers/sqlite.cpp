#include "../catalogue.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace bench {
namespace {

/// A table of keys and blobs behind a write-ahead log, 100 puts in a transaction; with `synchronous` off, or full where each put is
/// flushed. Statements are prepared once.
class sqlite_engine {
 public:
  explicit sqlite_engine(const site& s) : batch_(s.flushed_puts ? 1 : 100) {
    const std::string path = (s.folder / "values.sqlite").string();
    const int code =
        ::sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    try {
      if (code != SQLITE_OK) fail("open");
      run("PRAGMA journal_mode=WAL");
      run(s.flushed_puts ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
      run("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL)");
      put_ = prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)");
      get_ = prepare("SELECT value FROM entries WHERE key = ?");
      begin_ = prepare("BEGIN IMMEDIATE");
      commit_ = prepare("COMMIT");
    } catch (...) {
      close();
      throw;
    }
  }
  sqlite_engine(const sqlite_engine&) = delete;
  sqlite_engine& operator=(const sqlite_engine&) = delete;
  ~sqlite_engine() { close(); }

  void put(const item& one) {
    if (in_batch_ == 0) step(begin_, "begin");
    bind_key(put_, one.key);
    ::sqlite3_bind_blob64(put_, 2, one.value.data(), one.value.size(), SQLITE_STATIC);
    step(put_, "put");
    if (++in_batch_ == batch_) settle();
  }
  void settle() {
    if (in_batch_ == 0) return;
    in_batch_ = 0;
    step(commit_, "commit");
  }
  void flush() { settle(); }
  template <class Use>
  bool get(const item& one, Use&& use) {
    bind_key(get_, one.key);
    const int code = ::sqlite3_step(get_);
    if (code == SQLITE_ROW) {
      const auto* const value = static_cast<const std::byte*>(::sqlite3_column_blob(get_, 0));
      use(std::span(value, static_cast<std::size_t>(::sqlite3_column_bytes(get_, 0))));
    } else if (code != SQLITE_DONE) {
      fail("get");
    }
    ::sqlite3_reset(get_);
    return code == SQLITE_ROW;
  }

 private:
  [[noreturn]] void fail(const char* what) {
    throw std::runtime_error(std::string("sqlite: ") + what + ": " + ::sqlite3_errmsg(database_));
  }
  void run(const char* command) {
    if (::sqlite3_exec(database_, command, nullptr, nullptr, nullptr) != SQLITE_OK) fail(command);
  }
  ::sqlite3_stmt* prepare(const char* command) {
    ::sqlite3_stmt* statement = nullptr;
    if (::sqlite3_prepare_v3(database_, command, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) fail(command);
    return statement;
  }
  static void bind_key(::sqlite3_stmt* statement, const std::string& key) {
    ::sqlite3_bind_text(statement, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
  }
  void step(::sqlite3_stmt* statement, const char* what) {
    const int code = ::sqlite3_step(statement);
    ::sqlite3_reset(statement);
    if (code != SQLITE_DONE) fail(what);
  }
  void close() {
    for (::sqlite3_stmt* const statement : {put_, get_, begin_, commit_}) ::sqlite3_finalize(statement);
    ::sqlite3_close(database_);
  }

  ::sqlite3* database_ = nullptr;
  ::sqlite3_stmt* put_ = nullptr;
  ::sqlite3_stmt* get_ = nullptr;
  ::sqlite3_stmt* begin_ = nullptr;
  ::sqlite3_stmt* commit_ = nullptr;
  std::size_t batch_;
  std::size_t in_batch_ = 0;
};

}  // namespace

candidates sqlite() { return {candidate_of<sqlite_engine>("sqlite")}; }

}  // namespace bench
