#include "simulate/trace_reader.hpp"

#include "packed_file.hpp"
#include "refusal.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

using simulate::csv_columns;
using simulate::request_trace;
using simulate::trace_format;
using simulate::trace_reading;
using numbers = std::vector<std::uint32_t>;
using sizes = std::vector<std::uint64_t>;

request_trace read(std::string_view content, const trace_reading& how = {}) {
  const file_directory files;
  return simulate::read_trace(files.file("trace", content), how);
}
std::string refused(std::string_view content, const trace_reading& how = {}) {
  return refusal([&] { read(content, how); });
}
trace_reading as(trace_format format, csv_columns csv = {}) { return {.format = format, .csv = csv}; }

}  // namespace

TEST_CASE("text: a key per line, numbered in order of first use") {
  const request_trace trace = read("b\na\nb\n\n  c \na\n");
  CHECK(trace.keys == numbers{0, 1, 0, 2, 1});
  CHECK(trace.key_count == 3);
  CHECK_FALSE(trace.has_sizes());
  CHECK(trace.footprint_bytes == 3);
  CHECK(trace.size_of(2) == 1);
}

TEST_CASE("text: key and size, blanks, tabs and CRLF; the footprint takes each key at its largest") {
  const request_trace trace = read("x 10\r\ny\t5\r\n x   30\r\nx 20");
  CHECK(trace.keys == numbers{0, 1, 0, 0});
  CHECK(trace.sizes == sizes{10, 5, 30, 20});
  CHECK(trace.footprint_bytes == 35);
}

TEST_CASE("text: what is no request is refused with its line") {
  CHECK(says(refused("a 1\nb 2 3\n"), "line 2: there are more fields than key and size"));
  CHECK(says(refused("a 1\nb\n"), "line 2: there is no size, but earlier lines have one"));
  CHECK(says(refused("a\n\nb 7\n"), "line 3: there is a size, but earlier lines have none"));
  for (const char* size : {"-1", "x", "1.5", "0x10", "18446744073709551616", "1e3"}) {
    CAPTURE(size);
    const std::string what = refused("a 1\nb " + std::string(size) + "\n");
    CHECK(says(what, "line 2: the size \"" + std::string(size) + "\" is not a number of bytes"));
  }
  CHECK(says(refused("a 18446744073709551615\nb 1\n"), "add up to more than 2^64 bytes"));
  CHECK(says(refused(std::string("a\0b\n", 4), as(trace_format::text)), "line 1: there is a zero byte"));
}

TEST_CASE("nothing at all is refused, in every format and packed") {
  const file_directory files;
  for (const trace_format format : {trace_format::automatic, trace_format::text, trace_format::csv, trace_format::oracle_general})
    CHECK(says(refused("", as(format)), "has no requests"));
  CHECK(says(refused("\n\r\n \n"), "has no requests"));
  CHECK(says(refused(gzipped("")), "has no requests"));
  CHECK(says(refused("key,size\n"), "has no requests"));
}

TEST_CASE("csv: columns by the header's names") {
  const request_trace trace = read("time,Object_ID,op,Obj-Size\n1,b,get,10\n2,a,get,5\n3,b,get,10\n");
  CHECK(trace.keys == numbers{0, 1, 0});
  CHECK(trace.sizes == sizes{10, 5, 10});
}

TEST_CASE("csv: without a header the first column is the key, or the columns that were named") {
  CHECK(read("5,x\n6,y\n5,z\n").keys == numbers{0, 1, 0});
  const request_trace named = read("1,b,10\n2,a,5\n3,b,10\n", as(trace_format::csv, {.key = 2, .size = 3}));
  CHECK(named.keys == numbers{0, 1, 0});
  CHECK(named.sizes == sizes{10, 5, 10});
  // A header of unknown names is known by its size column, which is no number.
  const request_trace unknown = read("wann,was,gross\n1,b,10\n2,a,5\n", as(trace_format::csv, {.key = 2, .size = 3}));
  CHECK(unknown.keys == numbers{0, 1});
  CHECK(read("7,size\n8,size\n").key_count == 2);  // a word that a header may have, in a line that is none
  // A header without a size column, and one for other columns than those named.
  CHECK_FALSE(read("key,op\na,1\n").has_sizes());
  CHECK(read("key,other,size\na,x,7\na,y,7\n", as(trace_format::csv, {.key = 2})).keys == numbers{0, 1});
}

TEST_CASE("csv: delimiters, quotes, blanks, CRLF") {
  for (const char delimiter : {',', ';', '|', '\t'}) {
    CAPTURE(delimiter);
    std::string content = "k1,7,z\r\nk2,8,z\r\nk1,9,z\r\n";
    for (char& c : content)
      if (c == ',') c = delimiter;
    const request_trace trace = read(content, {.csv = {.size = 2}});
    CHECK(trace.keys == numbers{0, 1, 0});
    CHECK(trace.sizes == sizes{7, 8, 9});
  }
  CHECK(read("a b 1\na c 2\n", as(trace_format::csv, {.key = 2, .size = 3, .delimiter = ' '})).keys == numbers{0, 1});
}

TEST_CASE("csv: quoted fields may hold the delimiter and doubled quotes") {
  const request_trace trace =
      read("\"a,\"\"b\"\"\",1\nplain,2\n\"a,\"\"b\"\"\",3\n", as(trace_format::csv, {.key = 1, .size = 2}));
  CHECK(trace.keys == numbers{0, 1, 0});
}

TEST_CASE("csv: what cannot be split or lacks a column is refused with its line") {
  CHECK(says(refused("a,1\nb\n", as(trace_format::csv, {.key = 1, .size = 2})),
             "line 2: there are 1 fields, and column 2 is asked for"));
  CHECK(says(refused("a,1\n\"b,2\n", as(trace_format::csv)), "line 2: a quoted field is not closed"));
  CHECK(says(refused("a,1\n\"b\"c,2\n", as(trace_format::csv)), "line 2: text follows a quoted field"));
  CHECK(says(refused("a,1\n,2\n", as(trace_format::csv)), "line 2: the key in column 1 is empty"));
  CHECK(says(refused("a,1\nb,much\n", as(trace_format::csv, {.size = 2})), "line 2: the size \"much\" is not a number"));
  CHECK(says(refused("a,1\nb,2\n", as(trace_format::csv, {.key = 3})), "line 1: there are 2 fields, and column 3 is asked for"));
}

TEST_CASE("oracleGeneral: packed records, told from the content") {
  constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  const std::string records = oracle_record(1, 0xffffffffffffffffULL, 4096, 2) + oracle_record(1, 7, 0xffffffffU, -1) +
                              oracle_record(5, 0xffffffffffffffffULL, 4096, never) + oracle_record(5, 0, 1, -2);
  for (const trace_format format : {trace_format::automatic, trace_format::oracle_general}) {
    const request_trace trace = read(records, as(format));
    CHECK(trace.keys == numbers{0, 1, 0, 2});
    CHECK(trace.sizes == sizes{4096, 0xffffffffU, 4096, 1});
    CHECK(trace.key_count == 3);
    CHECK(trace.footprint_bytes == 4096ULL + 0xffffffffULL + 1);
  }
}

TEST_CASE("oracleGeneral: a record that is cut is refused with its number") {
  const std::string records = oracle_record(1, 5, 10, 2) + oracle_record(2, 5, 10, -1);
  for (const std::size_t missing : {std::size_t{1}, std::size_t{23}}) {
    const std::string cut = records.substr(0, records.size() - missing);
    const std::string what = refused(cut);
    CHECK(says(what, "record 2: it ends after " + std::to_string(24 - missing) + " of 24 bytes"));
    CHECK(says(what, "--limit-requests 1"));
    CHECK(read(cut, {.limit_requests = 1}).size() == 1);
  }
}

TEST_CASE("binary that no format has is refused") {
  std::string garbage;
  std::uint64_t state = 99;
  for (int i = 0; i < 24 * 50; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    garbage += static_cast<char>(state >> 56);
  }
  CHECK(says(refused(garbage), "is binary and does not look like oracleGeneral"));
  CHECK(says(refused(std::string("\0\1\2", 3)), "is binary"));
  const std::string backwards = oracle_record(9, 1, 1, 5) + oracle_record(3, 1, 1, 5);
  CHECK(says(refused(backwards), "is binary"));
  CHECK(read(backwards, as(trace_format::oracle_general)).size() == 2);  // said, not told from the content
}

TEST_CASE("every format comes plain, by gzip and by zstd") {
  const file_directory files;
  const std::string text = "b 1\na 2\nb 1\n";
  const std::string csv = "key,size\nb,1\na,2\nb,1\n";
  const std::string oracle = oracle_record(1, 20, 1, 2) + oracle_record(1, 10, 2, -1) + oracle_record(1, 20, 1, -1);
  for (const std::string& content : {text, csv, oracle})
    for (const std::string& stored : {content, gzipped(content), zstd_packed(content)}) {
      const request_trace trace = read(stored);
      CHECK(trace.keys == numbers{0, 1, 0});
      CHECK(trace.sizes == sizes{1, 2, 1});
    }
}

TEST_CASE("no more than the limit is read, so what follows may be anything") {
  CHECK(read("a\nb\nc d e\n", {.limit_requests = 2}).keys == numbers{0, 1});
  CHECK(read("key,size\na,1\nb,2\nbad\n", {.limit_requests = 2}).keys == numbers{0, 1});
}

TEST_CASE("a trace is called like its file, without what says the format") {
  using simulate::name_of_trace;
  CHECK(name_of_trace("/some/where/arc_OLTP.txt.zst") == "arc_OLTP");
  CHECK(name_of_trace("w105.oracleGeneral.bin.gz") == "w105");
  CHECK(name_of_trace("a.b.csv") == "a.b");
  CHECK(name_of_trace("-") == "standard input");
  CHECK(name_of_trace(".txt") == ".txt");
}
