#include <larder/remote/multistatus.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::remote::dav_resource;
using larder::remote::multistatus_reader;

TEST_CASE("prefixes, default namespaces, several propstats and foreign elements are read alike") {
  const std::vector<dav_resource> found = multistatus_reader::read(R"(<?xml version="1.0" encoding="utf-8"?>
<multistatus xmlns="DAV:" xmlns:x="urn:other">
  <response><href> /m/ </href><propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>
  <response>
    <href>/m/a&amp;b</href><x:getcontentlength>99</x:getcontentlength>
    <propstat><prop><getcontentlength>12</getcontentlength><x:thing><x:href>/no</x:href></x:thing></prop><status>HTTP/1.1 200 OK</status></propstat>
    <propstat><prop><getcontentlength>77</getcontentlength><getetag>"no"</getetag></prop><status>HTTP/1.1 404 Not Found</status></propstat>
    <propstat><prop><getetag>W/"&#101;"</getetag></prop></propstat>
  </response>
  <response><href>/m/gone</href><status>HTTP/1.1 404 Not Found</status></response>
  <response><href>/m/<![CDATA[c]]></href></response>
</multistatus>)");
  REQUIRE(found.size() == 3);
  CHECK(found[0].href == "/m/");
  CHECK(found[0].collection);
  CHECK_FALSE(found[0].size);
  CHECK(found[1].href == "/m/a&b");
  CHECK(found[1].size == 12);
  CHECK(found[1].etag == "W/\"e\"");
  CHECK_FALSE(found[1].collection);
  CHECK(found[2].href == "/m/c");
}

TEST_CASE("every prefix of a listing is refused, never read short") {
  const std::string text = "<m:multistatus xmlns:m='DAV:'><m:response><m:href>/a</m:href></m:response></m:multistatus>";
  CHECK(multistatus_reader::read(text).size() == 1);
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_THROWS_AS(multistatus_reader::read(text.substr(0, n)), larder::error);
  CHECK_THROWS_AS(multistatus_reader::read(text + text), larder::error);
}

TEST_CASE("a listing of more than one parser's slice is read whole") {
  std::string text = "<multistatus xmlns='DAV:'>";
  for (int i = 0; i < 30'000; ++i) text += "<response><href>/m/" + std::to_string(i) + "</href><propstat><prop><getcontentlength>1</getcontentlength></prop></propstat></response>";
  const std::vector<dav_resource> found = multistatus_reader::read(text + "</multistatus>");
  REQUIRE(found.size() == 30'000);
  CHECK(found.back().href == "/m/29999");
}

TEST_CASE("entities, foreign encodings and depth are refused") {
  for (const char* text : {"<!DOCTYPE a><multistatus xmlns='DAV:'/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><multistatus xmlns='DAV:'/>", "<multistatus xmlns='DAV:'>&b;</multistatus>",
                           "<?xml version='1.0' encoding='utf-7'?><multistatus xmlns='DAV:'/>", "<multistatus xmlns='dav:'/>", "{\"a\": 1}"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(multistatus_reader::read(text), larder::error);
  }
}
