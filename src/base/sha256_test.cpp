#include "base/sha256.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

TEST(Sha256, IsThePublishedOne) {  // FIPS 180-2, appendix B
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, ACopyGoesOnByItself) {
  Sha256 beginning;
  beginning.add("a");
  Sha256 one = beginning;
  Sha256 other = beginning;
  EXPECT_EQ(one.add("b").add("c").hex(), sha256_hex("abc"));
  EXPECT_EQ(other.add("x").hex(), sha256_hex("ax"));
}

}  // namespace
}  // namespace polaris
