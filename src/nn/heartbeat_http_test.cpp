#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <functional>
#include <memory>

#include "base/error.h"
#include "nn/heartbeat.h"
#include "nn/host_address.h"

namespace polaris {
namespace {

/// Heartbeats of one run, all in this process.
std::vector<std::unique_ptr<Heartbeat>> start(int size) {
  std::vector<std::unique_ptr<Heartbeat>> ranks;
  std::vector<std::string> contacts;
  for (int rank = 0; rank < size; ++rank) {
    ranks.push_back(std::make_unique<Heartbeat>(rank, "127.0.0.1"));
    contacts.push_back(ranks.back()->contact());
  }
  for (const auto& rank : ranks) rank->start(contacts);
  return ranks;
}

/// Waits for at most 10 s.
bool becomes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

TEST(Heartbeat, TellsHowFarEveryRankHasCome) {
  const auto ranks = start(3);
  for (int rank = 0; rank < 3; ++rank) ranks[static_cast<std::size_t>(rank)]->come_to(10 + rank);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_TRUE(becomes_true([&] {
      const auto words = ranks[static_cast<std::size_t>(rank)]->words();
      for (int other = 0; other < 3; ++other)
        if (other != rank && words[static_cast<std::size_t>(other)].operation != 10 + other)
          return false;
      return true;
    }));
    EXPECT_FALSE(
        ranks[static_cast<std::size_t>(rank)]->words()[static_cast<std::size_t>(rank)].heard);
  }
}

TEST(Heartbeat, GoesOnAsLongAsTheRankLivesAndSaysThatItHasLeft) {
  auto ranks = start(2);
  const auto word = [&] { return ranks[0]->words()[1]; };
  ASSERT_TRUE(becomes_true([&] { return word().heard.has_value(); }));
  const auto first = word().heard;
  EXPECT_TRUE(becomes_true([&] { return word().heard > first; }));
  EXPECT_FALSE(word().left);
  ranks[1].reset();
  EXPECT_TRUE(becomes_true([&] { return word().left; }));
}

TEST(Heartbeat, CarriesWhyARankHasGivenUp) {
  const auto ranks = start(2);
  ranks[1]->give_up("rank 7 is gone");
  EXPECT_TRUE(becomes_true([&] { return ranks[0]->words()[1].failure == "rank 7 is gone"; }));
}

TEST(Heartbeat, OverhearsOtherRunsAndNonsense) {
  const auto ranks = start(2);
  ASSERT_TRUE(becomes_true([&] { return ranks[0]->words()[1].heard.has_value(); }));
  const std::string contact = ranks[0]->contact();
  sockaddr_in to = {
      .sin_family = AF_INET,
      .sin_port =
          htons(static_cast<std::uint16_t>(std::stoi(contact.substr(contact.rfind(':') + 1)))),
      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto valid = [&](const std::string& run, const std::string& rank) {
    return R"({"run":")" + run + R"(","rank":)" + rank +
           R"(,"operation":99,"left":true,"failure":"x"})";
  };
  for (const std::string& datagram :
       {std::string(), std::string("{"), std::string(3000, '['), std::string("[1]"),
        valid("another", "1"), valid(contact, "2"), valid(contact, "-1"), valid(contact, "\"1\""),
        R"({"run":")" + contact + R"(","rank":1})"})
    ::sendto(socket, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
  // Datagrams of one machine keep their order: when this one is there, all were.
  const std::string last = valid(contact, "0");
  ::sendto(socket, last.data(), last.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  ASSERT_TRUE(becomes_true([&] { return ranks[0]->words()[0].operation == 99; }));
  EXPECT_EQ(ranks[0]->words()[1].operation, 0);
  EXPECT_FALSE(ranks[0]->words()[1].left);
  ::close(socket);
}

TEST(HostAddress, IsTheOneThatOthersReach) {
  EXPECT_EQ(address_towards("127.0.0.1", 29500), "127.0.0.1");
  EXPECT_EQ(address_of_interface("lo"), "127.0.0.1");
  EXPECT_TRUE(is_loopback("127.0.1.1:80"));
  EXPECT_FALSE(is_loopback("10.0.0.127"));
}

TEST(HostAddress, WhatIsNoneIsNamed) {
  EXPECT_THROW(address_towards("no.such.host.invalid", 29500), Error);
  EXPECT_THROW(address_of_interface("nosuch0"), Error);
  EXPECT_THROW(Heartbeat(0, "somewhere"), Error);
  EXPECT_THROW(Heartbeat(0, "192.0.2.1"), Error);  // of no machine (RFC 5737)
}

}  // namespace
}  // namespace polaris
