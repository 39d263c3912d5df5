#include <larder/remote/s3_listing.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

using larder::remote::s3_listing;

s3_listing read(std::string_view inside) {
  return larder::remote::s3_listing_reader::read("<ListBucketResult>" + std::string(inside) + "</ListBucketResult>");
}

}  // namespace

TEST_CASE("a page has its objects, and says whether and where it goes on") {
  const s3_listing page = read(
      "<Name>b</Name><Prefix>p</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>to ken+/=</NextContinuationToken>"
      "<Contents><Key>a &amp; "
      "b</Key><LastModified>x</LastModified><ETag>\"1\"</ETag><Size>7</Size><Owner><ID>i</ID><Key>no</Key><Size>8</Size></"
      "Owner></Contents>"
      "<Contents><Key>c</Key></Contents><CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>");
  REQUIRE(page.objects.size() == 2);
  CHECK(page.objects[0].key == "a & b");
  CHECK(page.objects[0].size == 7U);
  CHECK(page.objects[0].etag == "\"1\"");
  CHECK(page.objects[1].key == "c");
  CHECK_FALSE(page.objects[1].size);
  CHECK(page.truncated);
  CHECK(page.next == "to ken+/=");
  CHECK_FALSE(read("").truncated);
  CHECK(read("").objects.empty());
}

TEST_CASE("keys are decoded when the page says that they are encoded, wherever it says so") {
  for (const bool first : {false, true}) {
    const std::string said = "<EncodingType>url</EncodingType>";
    const s3_listing page =
        read((first ? said : "") + "<Contents><Key>a+b%2Bc%2Fd%C3%A9</Key></Contents><Contents><Key>%zz</Key></Contents>" +
             (first ? "" : said));
    CHECK(page.objects.at(0).key == "a b+c/d\xc3\xa9");
    CHECK(page.objects.at(1).key.empty());  // names nothing
  }
  CHECK(read("<Contents><Key>a+b%2B</Key></Contents>").objects.at(0).key == "a+b%2B");
  CHECK(read("<EncodingType>other</EncodingType><Contents><Key>a+b</Key></Contents>").objects.at(0).key == "a+b");
}

TEST_CASE("sizes are whole numbers or nothing, and other documents are refused") {
  for (const char* size : {"", "-1", "1.5", "0x10", "99999999999999999999", "1 2"})
    CHECK_FALSE(read("<Contents><Size>" + std::string(size) + "</Size></Contents>").objects.at(0).size);
  for (const char* broken :
       {"", "text", "<Error/>", "<ListBucketResult>", "<a><ListBucketResult/></a>", "<!DOCTYPE a><ListBucketResult/>"})
    CHECK_THROWS_AS(larder::remote::s3_listing_reader::read(broken), larder::error);
}
