#include <larder/artifact/pass_record.hpp>

#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/found_record.hpp>
#include <larder/artifact/record_text.hpp>
#include <larder/artifact/sealed_text.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::content_digest;
using larder::digest_algorithm;
using larder::error_cause;
using larder::pass_key;
using larder::pass_record;
using larder::secret;
using namespace larder::artifacts;
using support::cause_of;
using support::refusal_of;
using support::says;

namespace {

pass_key some_key() {
  larder::pass step;
  step.name = "OrtQuantize";
  step.config = R"({"bits": 8, "per_channel": true})";
  return larder::key_of_pass("0a1b2c3d", step);
}
content_digest digest_for(std::string_view text) { return larder::digest_of(text, digest_algorithm::sha256); }

pass_record some_record(std::size_t files = 3) {
  const pass_key key = some_key();
  pass_record record;
  record.id = key.id;
  record.key = key.text;
  for (std::size_t i = 0; i < files; ++i) {
    const std::string number = std::to_string(1000 + i);
    record.files.push_back({"weights/part-" + number + ".bin", 1000 + i, digest_for(number)});
    record.bytes += 1000 + i;
  }
  record.seconds = 12.5;
  record.made = std::chrono::milliseconds(1'700'000'000'123);
  record.workflow = "quantize \"all\"";
  return record;
}
std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("a record reads as it was written, and is under a kilobyte") {
  pass_record record = some_record();
  std::string listing;
  const std::string text = record.text(&listing);
  CHECK(listing.empty());
  CHECK(seal_text(text, secret("0123456789")).size() < 1024);
  CHECK(pass_record::parse(text) == record);
}

TEST_CASE("a record of many files holds the digest of a list of them, and stays small") {
  pass_record record = some_record(500);
  std::string listing;
  const std::string text = record.text(&listing);
  REQUIRE(record.listing);
  CHECK(text.size() < 1024);
  pass_record read = pass_record::parse(text);
  CHECK(read.files.empty());
  CHECK(read.bytes == record.bytes);
  read.read_listing(listing);
  CHECK(read == record);

  pass_record damaged = pass_record::parse(text);
  CHECK(cause_of([&] { damaged.read_listing(replaced(listing, "part-1007", "part-1008")); }) == error_cause::corruption);
  CHECK(cause_of([&] { damaged.read_listing(listing.substr(1)); }) == error_cause::corruption);
}

TEST_CASE("P13: a failure is recorded with its kind, its message and how long it counts") {
  pass_record record = some_record(0);
  record.failure = larder::recorded_failure{larder::failure_kind::transient, "out of \"memory\"\n",
                                            std::chrono::milliseconds(1'700'000'060'000)};
  const pass_record read = pass_record::parse(record.text(nullptr));
  CHECK(read == record);
  CHECK(read.lives(std::chrono::milliseconds(1'700'000'059'999)));
  CHECK_FALSE(read.lives(std::chrono::milliseconds(1'700'000'060'000)));
  record.failure->kind = larder::failure_kind::permanent;
  record.failure->until = larder::no_deadline;
  CHECK(pass_record::parse(record.text(nullptr)) == record);
}

TEST_CASE("what a shared record says of itself moves no terminal") {
  pass_record record = some_record(0);
  record.workflow = "night\x1b[2Jly";
  record.failure = larder::recorded_failure{larder::failure_kind::permanent, "no\x1b]0;memory\a\x7f", larder::no_deadline};
  const pass_record read = pass_record::parse(record.text(nullptr));
  CHECK(read.workflow == "night [2Jly");
  CHECK(read.failure->message == "no ]0;memory  ");
}

TEST_CASE("P12: names that lead out of a folder, and other hostile records, are refused") {
  pass_record record = some_record(1);
  const std::string good = record.text(nullptr);
  const std::string name = "weights/part-1000.bin";
  for (const char* const hostile :
       {"../x", "/abs/x", "a/../../b", "C:\\\\x", "C:x", "", ".", "a//b", "a/", "nul", "a\\u0000b", "x\\n"}) {
    CAPTURE(std::string(hostile));
    const auto refusal = refusal_of([&] { pass_record::parse(replaced(good, name, hostile)); });
    CHECK(refusal.cause == error_cause::corruption);
    CHECK(says(refusal, "may not be called"));
  }
  const std::string digest = record.files[0].digest.hex();
  const auto refuses = [&](const std::string& text, std::string_view words) {
    const auto refusal = refusal_of([&] { pass_record::parse(text); });
    CHECK(refusal.cause == error_cause::corruption);
    CHECK(says(refusal, words));
  };
  const std::string file = "[\"" + name + "\",1000,\"" + digest + "\"]";
  refuses(replaced(good, digest, digest.substr(1)), "no SHA-256");
  refuses(replaced(good, digest, "md5:" + digest.substr(32)), "no SHA-256");
  refuses(replaced(good, "\"bytes\":1000", "\"bytes\":1001"), "not the size");
  refuses(replaced(good, ",1000,", ",-1,"), "negative");
  refuses(replaced(good, ",1000,", ",1e3,"), "plain integer");
  refuses(replaced(good, file, file + "," + file), "twice");
  refuses(replaced(good, file, "[\"weights\",0,\"" + digest + "\"]," + file), "the folder of another one");
  refuses(replaced(good, "larder pass 1", "larder pass 2"), "its format");
  refuses(replaced(good, record.id, "A" + record.id.substr(1)), "its id");
  refuses(replaced(good, "\"files\"", "\"filez\""), "no files");
  refuses(replaced(good, "\"made\":1700000000123", "\"made\":9007199254740992"), "too late");
  refuses("{}", "no format");
  refuses("[]", "not an object");
  refuses(good.substr(0, good.size() - 1), "not JSON");
}

TEST_CASE("a sealed text that lost or changed any byte is damaged") {
  const std::string sealed = seal_text(some_record().text(nullptr), secret());
  CHECK(unseal_text(sealed, secret()).state == seal_state::whole);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(unseal_text(changed, secret()).state != seal_state::whole);
    CHECK(unseal_text(sealed.substr(0, i), secret()).state != seal_state::whole);
  }
  CHECK(unseal_text("", secret()).state == seal_state::damaged);
}

TEST_CASE("with a key, only records that were signed by it are believed") {
  const secret key("shared by the team"), other("somebody else's");
  const std::string body = some_record().text(nullptr);
  CHECK(unseal_text(seal_text(body, key), key).state == seal_state::whole);
  CHECK(unseal_text(seal_text(body, key), key).body == body);
  CHECK(unseal_text(seal_text(body, other), key).state == seal_state::forged);
  CHECK(unseal_text(seal_text(body, secret()), key).state == seal_state::forged);
  CHECK(unseal_text(seal_text(body, key), secret()).state == seal_state::whole);
}

TEST_CASE("a record under another key's id is poisoned, not a hit") {
  const pass_key key = some_key();
  pass_record record = some_record();
  CHECK(read_record<pass_record>(seal_text(record.text(nullptr), secret()), key, secret()).state == record_state::whole);
  pass_key collision = key;
  collision.text += " ";
  CHECK(read_record<pass_record>(seal_text(record.text(nullptr), secret()), collision, secret()).state == record_state::poisoned);
  record.id[0] = record.id[0] == '0' ? '1' : '0';
  CHECK(read_record<pass_record>(seal_text(record.text(nullptr), secret()), key, secret()).state == record_state::poisoned);
  CHECK(read_record<pass_record>(seal_text("{}", secret()), key, secret()).state == record_state::poisoned);
  CHECK(read_record<pass_record>("{}", key, secret()).state == record_state::damaged);
}

TEST_CASE("an evaluation's record reads as it was written") {
  const pass_key model = some_key();
  const pass_key key = larder::key_of_evaluation(model, R"({"metric": "accuracy"})");
  const larder::evaluation_record record{
      key.id, key.text, model.id, R"({"accuracy": 0.93})", 3.25, std::chrono::milliseconds(1'700'000'000'000), "w"};
  CHECK(larder::evaluation_record::parse(record.text()) == record);
  CHECK(cause_of([&] { larder::evaluation_record::parse(replaced(record.text(), "\"result\"", "\"rezult\"")); }) ==
        error_cause::corruption);
  CHECK(cause_of([&] {
          larder::evaluation_record::parse(replaced(record.text(), "\"model\":\"" + model.id, "\"model\":\"x"));
        }) == error_cause::corruption);
}

TEST_CASE("seconds are written to the millisecond, whatever they are") {
  CHECK(seconds_text(12.5) == "12.500");
  CHECK(seconds_text(-1) == "0.000");
  CHECK(seconds_text(1e300) == "0.000");
}
