// The table behind dialect_of(). For dialect.cpp and tests.
#pragma once

#include "judge/dialect.h"

namespace polaris {

extern const Dialect kOpenaiChat;
extern const Dialect kOpenaiResponses;
extern const Dialect kGemini;
extern const Dialect kVertex;
extern const Dialect kAnthropic;

}  // namespace polaris
