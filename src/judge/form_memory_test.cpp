#include "judge/form_memory.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

JudgeConfig local_server(SchemaMode mode = SchemaMode::kAuto) {
  return {
      .kind = JudgeKind::kHttp, .base_url = "http://localhost/v1", .model = "m", .schema = mode};
}

TEST(FormMemory, TwoRefusalsGiveAFormUpAndOneDoesNot) {
  FormMemory memory(local_server());
  EXPECT_EQ(memory.name(), "native, prompt");
  for (const char* weaker : {"grammar, prompt", "prompt"}) {
    const std::string before = memory.name();
    EXPECT_FALSE(memory.refused(memory.form()));
    EXPECT_EQ(memory.name(), before);
    EXPECT_TRUE(memory.refused(memory.form()));
    EXPECT_EQ(memory.name(), weaker);
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(memory.refused(memory.form())) << "nothing is weaker";
}

TEST(FormMemory, AFormThatWorkedOnceIsKept) {
  FormMemory memory(local_server());
  EXPECT_FALSE(memory.refused(memory.form()));
  EXPECT_TRUE(memory.answered(memory.form()));
  EXPECT_FALSE(memory.answered(memory.form())) << "no news";
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(memory.refused(memory.form()));
  EXPECT_EQ(memory.name(), "native, prompt");
}

TEST(FormMemory, LateRefusalsOfAnEarlierFormDoNotCountAgainstTheNext) {
  FormMemory memory(local_server());
  const AnswerForm native = memory.form();
  memory.refused(native);
  memory.refused(native);
  for (int i = 0; i < 30; ++i) EXPECT_FALSE(memory.refused(native));
  EXPECT_FALSE(memory.answered(native));
  EXPECT_EQ(memory.name(), "grammar, prompt");
}

TEST(FormMemory, TheConfiguredFormIsKeptWhateverTheServerSays) {
  FormMemory memory(local_server(SchemaMode::kNative));
  memory.recall("prompt");
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(memory.refused(memory.form()));
  EXPECT_EQ(memory.name(), "native");
}

TEST(FormMemory, BeginsWithWhatWasLearned) {
  FormMemory memory(local_server());
  memory.recall("poems");
  EXPECT_EQ(memory.name(), "native, prompt");
  memory.recall("grammar, prompt");
  EXPECT_EQ(memory.form(), (AnswerForm{.grammar = true, .in_prompt = true}));
}

}  // namespace
}  // namespace polaris
