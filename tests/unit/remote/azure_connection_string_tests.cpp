#include <larder/remote/azure_connection_string.hpp>

#include <string>

#include <doctest/doctest.h>

using larder::remote::azure_connection;
using larder::remote::parse_azure_connection;

TEST_CASE("a connection string says the account, its key and its endpoint") {
  const azure_connection c = parse_azure_connection(
      "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5a2V5PQ==;EndpointSuffix=core.chinacloudapi.cn");
  CHECK(c.account == "acct");
  CHECK(c.key.reveal() == "a2V5a2V5PQ==");  // the value's own = stay
  CHECK(c.sas.empty());
  CHECK(c.endpoint == "https://acct.blob.core.chinacloudapi.cn");
  CHECK(parse_azure_connection("accountname=acct;ACCOUNTKEY=a2V5;;").endpoint == "https://acct.blob.core.windows.net");
}

TEST_CASE("an endpoint for blobs wins, and those for other services are passed over") {
  const azure_connection c = parse_azure_connection(
      "BlobEndpoint=https://acct.blob.example.net/;QueueEndpoint=https://acct.queue.example.net/"
      ";SharedAccessSignature=sv=2023-11-03&sr=c&sig=abc%3D;");
  CHECK(c.endpoint == "https://acct.blob.example.net/");
  CHECK(c.sas.reveal() == "sv=2023-11-03&sr=c&sig=abc%3D");
  CHECK(c.account.empty());
}

TEST_CASE("development storage is the emulator, wherever it listens") {
  const azure_connection c = parse_azure_connection("UseDevelopmentStorage=true");
  CHECK(c.account == "devstoreaccount1");
  CHECK(c.endpoint == "http://127.0.0.1:10000/devstoreaccount1");
  CHECK(c.key.reveal() == larder::remote::azure_emulator::key);
  CHECK(parse_azure_connection("UseDevelopmentStorage=true;BlobEndpoint=http://127.0.0.1:7/devstoreaccount1").endpoint ==
        "http://127.0.0.1:7/devstoreaccount1");
}

TEST_CASE("what cannot be used is refused by its name, and no value is repeated") {
  for (const char* text :
       {"", ";;", "hunter2", "=hunter2", "AccountKey=hunter2", "AccountName=acct", "AccountName=acct;BlobEndpoint=https://h",
        "AccountName=acct;AccountKey=hunter2;SharedAccessSignature=sig=hunter2",
        "DefaultEndpointsProtocol=ftp;AccountName=acct;AccountKey=hunter2", "UseDevelopmentStorage=hunter2",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://hunter2"}) {
    CAPTURE(text);
    try {
      parse_azure_connection(text);
      CHECK(false);
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
      CHECK(std::string(e.what()).find("hunter2") == std::string::npos);
    }
  }
}
