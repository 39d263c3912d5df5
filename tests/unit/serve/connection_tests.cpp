#include "server_fixture.hpp"

#include <larder/core/units.hpp>
#include <larder/larder.hpp>
#include <larder/serve/connection.hpp>
#include <larder/serve/content_answer.hpp>
#include <larder/serve/text_answer.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using namespace larder::literals;
using serving::answer;
using serving::get;
using serving::hear;

TEST_CASE("a chunk that is named by its digest is immutable") {
  const serving::served_folder served;
  const std::string content = serving::content_of(5000);
  const std::string name = served.chunks.add(content);
  for (const char* came_from : {"miss", "hit"}) {
    const answer got = served.get("/v1/c/" + name);
    CHECK(got.status == 200);
    CHECK(got.body == content);
    CHECK(got.field("Content-Length") == "5000");
    CHECK(got.field("ETag") == '"' + name + '"');
    CHECK(got.field("Cache-Control") == "public, max-age=31536000, immutable");
    CHECK(got.field("Content-Type") == "application/octet-stream");
    CHECK(got.field("Accept-Ranges") == "bytes");
    CHECK(got.field("X-Content-Type-Options") == "nosniff");
    CHECK(got.field("X-Cache") == came_from);
    CHECK(got.field("Connection") == "-");
  }
}

TEST_CASE("another name and a manifest are asked for again by those who have them") {
  const serving::served_folder served;
  served.chunks.write("layer.0", "weights");
  served.chunks.write("manifests/m.json", R"({"layers":[]})");
  const answer chunk = served.get("/v1/c/layer.0");
  CHECK(chunk.status == 200);
  CHECK(chunk.body == "weights");
  CHECK(chunk.field("Cache-Control") == "no-cache");
  CHECK(served.get("/v1/c/layer.0", "If-None-Match: " + chunk.field("ETag") + "\r\n").status == 304);
  const answer manifest = served.get("/v1/m/m/manifest");
  CHECK(manifest.status == 200);
  CHECK(manifest.body == R"({"layers":[]})");
  CHECK(manifest.field("Content-Type") == "application/json");
  served.chunks.write("manifests/m.json", R"({"layers":[1]})");
  const answer again = served.get("/v1/m/m/manifest", "If-None-Match: " + manifest.field("ETag") + "\r\n");
  CHECK(again.status == 200);
  CHECK(again.body == R"({"layers":[1]})");
  CHECK(served.get("/v1/m/none/manifest").status == 404);
}

TEST_CASE("HEAD says what GET would, without reading a byte") {
  const serving::served_folder served;
  const std::string name = served.chunks.add(serving::content_of(5000));
  served.chunks.write("0", "x");
  for (const std::string& path : {"/v1/c/" + name, std::string("/v1/c/0")}) {
    support::talk client(static_cast<std::uint16_t>(served.server.port()));
    client.say("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /v1/c/none HTTP/1.1\r\nHost: localhost\r\n\r\n" +
               get("/healthz"));
    const answer head = hear(client, false);
    CHECK(head.status == 200);
    CHECK(head.field("Content-Length") == (path.ends_with("/0") ? "1" : "5000"));
    CHECK(hear(client, false).status == 404);
    CHECK(hear(client).body == "ok\n");
    CHECK(head.field("ETag") == served.get(path).field("ETag"));
  }
  CHECK(served.server.stats().store_reads == 2);  // of the GETs
}

TEST_CASE("one range is answered with its part, others as RFC 9110 leaves it") {
  const serving::served_folder served;
  const std::string content = serving::content_of(1000);
  const std::string path = "/v1/c/" + served.chunks.add(content);
  const auto part = [&](const std::string& range, const std::string& more = {}) {
    return served.get(path, "Range: " + range + "\r\n" + more);
  };
  const answer middle = part("bytes=10-19");
  CHECK(middle.status == 206);
  CHECK(middle.body == content.substr(10, 10));
  CHECK(middle.field("Content-Range") == "bytes 10-19/1000");
  CHECK(part("bytes=990-").body == content.substr(990));
  CHECK(part("bytes=-1").body == content.substr(999));
  CHECK(part("bytes=-1").field("Content-Range") == "bytes 999-999/1000");
  CHECK(part("bytes=0-4294967296000").body == content);
  for (const char* none : {"bytes=1000-", "bytes=-0", "bytes=99999999999999999999-"}) {
    const answer got = part(none);
    CHECK(got.status == 416);
    CHECK(got.field("Content-Range") == "bytes */1000");
    CHECK(got.body.empty());
  }
  for (const char* whole : {"bytes=5-3", "bytes=0-1,3-4", "items=0-1"}) {
    CHECK(part(whole).status == 200);
    CHECK(part(whole).body == content);
  }
  const std::string etag = middle.field("ETag");
  CHECK(part("bytes=0-0", "If-Range: " + etag + "\r\n").status == 206);
  CHECK(part("bytes=0-0", "If-Range: \"other\"\r\n").status == 200);
  CHECK(part("bytes=0-0", "If-Match: " + etag + "\r\n").status == 206);
  CHECK(part("bytes=0-0", "If-Match: \"other\"\r\n").status == 412);
  served.chunks.write("empty", "");
  CHECK(served.get("/v1/c/empty").status == 200);
  CHECK(served.get("/v1/c/empty", "Range: bytes=0-\r\n").status == 416);
}

TEST_CASE("who has the content is told so, and the content is not read for it") {
  const serving::served_folder served;
  const std::string name = served.chunks.add("content");
  const std::string path = "/v1/c/" + name;
  for (const std::string& list : {'"' + name + '"', "\"x\", W/\"" + name + '"', std::string("*")}) {
    const answer got = served.get(path, "If-None-Match: " + list + "\r\n");
    CHECK(got.status == 304);
    CHECK(got.field("ETag") == '"' + name + '"');
    CHECK(got.field("Content-Length") == "-");
  }
  CHECK(served.server.stats().store_reads == 0);
  CHECK(served.get(path, "If-None-Match: \"x\"\r\n").body == "content");
  CHECK(served.get("/v1/c/none", "If-None-Match: *\r\n").status == 404);
}

TEST_CASE("a connection asks many things, one after the other or at once") {
  const serving::served_folder served;
  const std::string content = serving::content_of(100'000);
  const std::string path = "/v1/c/" + served.chunks.add(content);
  support::talk client(static_cast<std::uint16_t>(served.server.port()));
  std::string all;
  for (int i = 0; i < 300; ++i) all += get(path, "Range: bytes=" + std::to_string(i) + "-" + std::to_string(i + 9) + "\r\n");
  std::thread says([&] { client.say(all); });
  for (std::size_t i = 0; i < 300; ++i) CHECK(hear(client).body == content.substr(i, 10));
  says.join();
  client.say(get(path));
  CHECK(hear(client).body == content);
  CHECK(served.server.stats().accepted == 1);
}

TEST_CASE("who says that it is the last request sees the end") {
  const serving::served_folder served;
  for (const std::string& last : {std::string("GET /healthz HTTP/1.0\r\n\r\n"), get("/healthz", "Connection: close\r\n")}) {
    const std::string all = support::talk_to(static_cast<std::uint16_t>(served.server.port()), last);
    CHECK(all.ends_with("ok\n"));
    CHECK(all.find("\r\nConnection: close\r\n") != std::string::npos);
  }
  support::talk half(static_cast<std::uint16_t>(served.server.port()));
  half.say(get("/healthz"));
  half.end();
  CHECK(half.hear().ends_with("ok\n"));
  CHECK(half.error == 0);
}

TEST_CASE("nothing outside the folder is reached, and nothing of the path is repeated") {
  const serving::served_folder served;
  const support::temporary_folder outside;
  std::ofstream(outside / "secret") << "secret";
  std::filesystem::create_symlink(outside / "secret", served.chunks / "link");
  std::filesystem::create_directory_symlink(outside.path(), served.chunks / "folder");
  REQUIRE(::mkfifo((served.chunks / "pipe").c_str(), 0600) == 0);
  served.chunks.write("inner/file", "x");
  for (const char* path :
       {"/v1/c/../x", "/v1/c/..", "/v1/c/%2e%2e/x", "/v1/c/..%2fx", "/v1/c/a%00b", "/v1/c/%252e", "/v1/c//etc/passwd",
        "/v1/c/folder/../x", "/v1/c/.x", "/v1/c/x\\y", "//", "/v1/m/../manifest", "/v1/m/..%2f/manifest", "/../../etc/passwd",
        "http://127.0.0.1/v1/c/a", "*", "/v1/c/~root", "/<script>"}) {
    CAPTURE(path);
    const answer got = served.get(path);
    CHECK(got.status == 400);
    CHECK(got.body == "400 Bad Request\n");
    CHECK(got.field("Connection") == "close");
  }
  for (const char* path :
       {"/v1/c/link", "/v1/c/folder", "/v1/c/pipe", "/v1/c/inner", "/v1/c/inner/file", "/v1/c/folder/secret", "/v1/c/manifests",
        "/v1/c/", "/v1/c", "/v1/", "/v1/m/", "/v1/m/link/manifest", "/x", "/v1/c/absent", "/v2/c/a"}) {
    CAPTURE(path);
    const answer got = served.get(path);
    CHECK(got.status == 404);
    CHECK(got.body == "404 Not Found\n");
    CHECK(got.head.find("secret") == std::string::npos);
  }
}

TEST_CASE("other methods and bodies are refused") {
  const serving::served_folder served;
  served.chunks.write("a", "content");
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "PROPFIND"}) {
    const answer got = served.ask(std::string(method) + " /v1/c/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(got.status == 405);
    CHECK(got.field("Allow") == "GET, HEAD");
  }
  const std::string hidden =
      support::talk_to(static_cast<std::uint16_t>(served.server.port()),
                       "GET /v1/c/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 34\r\n\r\n" + get("/v1/c/a"));
  CHECK(hidden.starts_with("HTTP/1.1 400 "));
  CHECK(hidden.find("content") == std::string::npos);  // what follows is not taken for a request
  const std::string smuggled = support::talk_to(
      static_cast<std::uint16_t>(served.server.port()),
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG" + get("/v1/c/a"));
  CHECK(smuggled.starts_with("HTTP/1.1 400 "));
  CHECK(smuggled.find("content") == std::string::npos);
}

TEST_CASE("heads that are too long are refused before they are whole") {
  const serving::served_folder served;
  const auto port = static_cast<std::uint16_t>(served.server.port());
  CHECK(support::talk_to(port, "GET /" + std::string(9000, 'a')).starts_with("HTTP/1.1 414 "));
  CHECK(support::talk_to(port, "GET / HTTP/1.1\r\nX: " + std::string(33'000, 'a')).starts_with("HTTP/1.1 431 "));
  std::string many = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 100; ++i) many += "X: y\r\n";
  CHECK(support::talk_to(port, many + "\r\n").starts_with("HTTP/1.1 431 "));
  CHECK(support::talk_to(port, "GET / HTTP/1.1\nHost: localhost\n\n").starts_with("HTTP/1.1 400 "));
  CHECK(support::talk_to(port, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12))
            .starts_with("HTTP/1.1 400 "));  // TLS
  CHECK(support::talk_to(port, "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 505 "));
  CHECK(served.get("/healthz", "X: " + std::string(30'000, 'a') + "\r\n").status == 200);
}

TEST_CASE("a content that is not what its name says never goes out whole") {
  std::string content = serving::content_of(3_MiB);
  const std::string name = larder::digest_of(content).hex();
  content[1'500'000] = static_cast<char>(content[1'500'000] ^ 1);
  for (const std::uint64_t cache_size : {100_MB, 1_MB}) {  // from memory, and from the file
    const serving::served_folder served({.cache_size = cache_size});
    served.chunks.write(name, content);
    for (const char* fields : {"", "Range: bytes=0-\r\n", "Range: bytes=100-200\r\n"}) {
      support::talk client(static_cast<std::uint16_t>(served.server.port()));
      client.say(get("/v1/c/" + name, fields));
      const answer got = hear(client);
      if (got.status == 404) continue;  // the damage was found before the head went out
      CHECK(got.body.size() < std::stoull(got.field("Content-Length")));
      CHECK(client.hear(1).empty());  // the connection is over
    }
    CHECK(served.server.stats().entries == 0);
    CHECK(served.server.stats().errors[larder::error_cause::corruption] >= 1);
    CHECK(served.get("/healthz").status == 200);
  }
  const serving::served_folder served;
  std::string little = "little";
  const std::string little_name = larder::digest_of(little).hex();
  served.chunks.write(little_name, "Little");
  CHECK(served.get("/v1/c/" + little_name).body.find("ittle") == std::string::npos);
}

TEST_CASE("an answer without a byte of the content waits for the digest") {
  for (const std::uint64_t cache_size : {100_MB, 0_MB}) {
    const serving::served_folder served({.cache_size = cache_size});
    const std::string cut = larder::digest_of(std::string("content")).hex();
    served.chunks.write(cut, "");
    CHECK(served.get("/v1/c/" + cut).status == 404);
    CHECK(served.get("/v1/c/" + cut, "Range: bytes=0-\r\n").status == 404);
    const std::string content = serving::content_of(1_MiB);
    const std::string damaged = larder::digest_of(content).hex();
    served.chunks.write(damaged, content.substr(1));
    CHECK(served.get("/v1/c/" + damaged, "Range: bytes=1048575-\r\n").status == 404);
    const std::string empty = served.chunks.add("");
    CHECK(served.get("/v1/c/" + empty).status == 200);
    CHECK(served.get("/v1/c/" + empty, "Range: bytes=0-\r\n").status == 416);
  }
}

TEST_CASE("a chunk for which there is no room is for later") {
  using memory_cache = larder::cache<std::string, larder::bytes, larder::lru, larder::max_bytes>;
  memory_cache shared{larder::max_bytes{1_MB}};
  const std::string name = larder::digest_of(std::string("content")).hex();
  shared.put(name, larder::bytes::copy_of("content"));
  const serving::served_folder served({.cache_size = 0, .tier = shared});
  const answer got = served.get("/v1/c/" + name);
  CHECK(got.status == 503);
  CHECK(got.field("Retry-After") == "1");
}

TEST_CASE("a chunk that is larger than the cache is served all the same") {
  const serving::served_folder served({.cache_size = 1_MB});
  const std::string content = serving::content_of(5_MiB);
  const std::string name = served.chunks.add(content);
  for (int i = 0; i < 2; ++i) {
    const answer got = served.get("/v1/c/" + name);
    CHECK(got.status == 200);
    CHECK(got.body == content);
  }
  CHECK(served.get("/v1/c/" + name, "Range: bytes=5000000-\r\n").body == content.substr(5'000'000));
  CHECK(served.server.stats().entries == 0);
  CHECK(served.server.stats().memory == 0);
}

TEST_CASE("a file that becomes shorter while it is sent ends the answer early") {
  const serving::served_folder served({.cache_size = 10});
  served.chunks.write("a", serving::content_of(32_MiB));
  support::talk client(static_cast<std::uint16_t>(served.server.port()));
  client.say(get("/v1/c/a"));
  CHECK(client.hear(100'000).size() == 100'000);
  std::filesystem::resize_file(served.chunks / "a", 1000);
  CHECK(client.hear().size() < 32_MiB);
  CHECK(support::eventually([&] { return served.server.stats().cut == 1; }));
}

TEST_CASE("a token is asked of everybody, and not of health checks") {
  const serving::served_folder served({.token = "s3cret"});
  served.chunks.write("a", "content");
  for (const char* path : {"/", "/v1/c/a", "/v1/c/absent", "/metrics", "/status.json", "/v1/m/x/manifest"}) {
    const answer got = served.get(path);
    CHECK(got.status == 401);
    CHECK(got.field("WWW-Authenticate") == "Basic realm=\"larder\", charset=\"UTF-8\"");
    CHECK(got.head.find("s3cret") == std::string::npos);
    CHECK(served.get(path, "Authorization: Bearer wrong\r\n").status == 401);
  }
  CHECK(served.get("/healthz").status == 200);
  CHECK(served.get("/v1/c/a", "Authorization: Bearer s3cret\r\n").body == "content");
  const std::string name = served.chunks.add("content");
  CHECK(served.get("/v1/c/" + name, "Authorization: Bearer s3cret\r\n").field("Cache-Control") ==
        "private, max-age=31536000, immutable");  // no proxy gives it to others
  CHECK(served.ask("GET /v1/c/a HTTP/1.1\r\nHost: weights.example.org\r\nAuthorization: Bearer s3cret\r\n\r\n").body ==
        "content");
  CHECK(served.get("/", "Authorization: Basic bWU6czNjcmV0\r\n").status == 200);
}

TEST_CASE("without a token a page of another site cannot ask under its own name") {
  const serving::served_folder served;
  served.chunks.write("a", "content");
  const auto ask_as = [&](const std::string& host, const char* path) {
    return served.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  for (const char* path : {"/", "/status.json", "/metrics", "/v1/c/a", "/v1/c/absent"}) {
    CHECK(ask_as("evil.example.org:" + std::to_string(served.server.port()), path) == 421);
    CHECK(ask_as("[::1]:8080", path) != 421);
  }
  CHECK(ask_as("evil.example.org", "/healthz") == 200);
  CHECK(served.ask("GET /v1/c/a HTTP/1.0\r\n\r\n").body == "content");
}

TEST_CASE("the pages for people and machines are there") {
  const serving::served_folder served;
  const answer page = served.get("/?x=y");
  CHECK(page.status == 200);
  CHECK(page.field("Content-Type") == "text/html; charset=utf-8");
  CHECK(page.field("Content-Security-Policy").starts_with("default-src 'none'"));
  CHECK(page.body.starts_with("<!doctype html>"));
  CHECK(served.get("/metrics").field("Content-Type").starts_with("text/plain; version=0.0.4"));
  CHECK(served.get("/status.json").field("Content-Type") == "application/json");
  const answer healthy = served.get("/healthz");
  CHECK(healthy.body == "ok\n");
  CHECK(healthy.field("Cache-Control") == "no-store");
}
