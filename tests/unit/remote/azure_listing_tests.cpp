#include <larder/remote/azure_listing.hpp>

#include <cstddef>
#include <string>

#include <doctest/doctest.h>

using larder::remote::azure_page;
using larder::remote::azure_page_reader;

TEST_CASE("a page has the objects with their sizes, and what asks for the next") {
  const azure_page page = azure_page_reader::read(R"(<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="c"><Prefix>a</Prefix><MaxResults>2</MaxResults><Blobs>
  <Blob><Name>a/1</Name><Properties><Last-Modified>x</Last-Modified><Etag>0x8D</Etag><Content-Length>12</Content-Length></Properties>
    <Metadata><Name>no</Name><Content-Length>99</Content-Length></Metadata></Blob>
  <Blob><Name>a&amp;&lt;b</Name><Properties><Content-Length>x</Content-Length></Properties><OrMetadata><Etag>no</Etag></OrMetadata></Blob>
  <Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType><Content-Length>0</Content-Length></Properties></Blob>
  <BlobPrefix><Name>p/</Name></BlobPrefix>
</Blobs><NextMarker>2!8!YQ--</NextMarker></EnumerationResults>)");
  REQUIRE(page.objects.size() == 2);
  CHECK(page.objects[0].name == "a/1");
  CHECK(page.objects[0].size == 12);
  CHECK(page.objects[0].etag == "0x8D");
  CHECK(page.objects[1].name == "a&<b");
  CHECK_FALSE(page.objects[1].size);
  CHECK(page.objects[1].etag.empty());
  CHECK(page.next == "2!8!YQ--");
}

TEST_CASE("the last page has no next, and the byte order mark that the service sends does no harm") {
  const azure_page page = azure_page_reader::read(
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs /><NextMarker /></EnumerationResults>");
  CHECK(page.objects.empty());
  CHECK(page.next.empty());
  CHECK(azure_page_reader::read("<EnumerationResults/>").next.empty());
}

TEST_CASE("every prefix of a page is refused, and so is what is none") {
  const std::string text = "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>";
  CHECK(azure_page_reader::read(text).objects.size() == 1);
  for (std::size_t n = 0; n < text.size(); ++n) CHECK_THROWS_AS(azure_page_reader::read(text.substr(0, n)), larder::error);
  for (const char* other : {"<Error><Code>x</Code></Error>", "<!DOCTYPE a [<!ENTITY b 'c'>]><EnumerationResults/>", "{}",
                            "<EnumerationResults>&b;</EnumerationResults>"})
    CHECK_THROWS_AS(azure_page_reader::read(other), larder::error);
}
