// What Gemini's two front doors, the API with a key and Vertex, have in common.
#pragma once

#include "judge/dialect.h"

namespace polaris {

/// systemInstruction, contents and generationConfig, without the service tier. Asks for at most
/// 65,536 tokens of output, which is the most that Gemini gives.
OrderedJson gemini_body(const JudgeConfig& config, const ModelQuestion& question);

/// Reads a GenerateContentResponse. Thoughts are no text; their tokens are output.
ModelAnswer read_gemini(const Json& body);

}  // namespace polaris
