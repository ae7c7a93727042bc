"""What transformers and peft make of the same files: the other side of app/interop_slow_test.cpp.

  peers.py save CONFIG OUT             a random model, saved as transformers saves it
  peers.py logprobs MODEL IN OUT [A]   what `polaris logprobs` answers, with the adapter A on it
"""
import json
import sys

import torch
import transformers

torch.manual_seed(20261121)
torch.set_num_threads(1)


def save(config_file, out):
    with open(config_file, encoding="utf-8") as file:
        config = transformers.AutoConfig.for_model(**json.load(file))
    config.dtype = torch.float32
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(out)


def logprobs(model_folder, in_file, out_file, adapter=None):
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    if adapter:
        import peft

        model = peft.PeftModel.from_pretrained(model, adapter)
    model.eval()
    with open(in_file, encoding="utf-8") as lines, open(out_file, "w", encoding="utf-8") as out:
        for line in lines:
            record = json.loads(line)
            tokens = torch.tensor([record["tokens"]])
            with torch.no_grad():
                scores = model(input_ids=tokens, use_cache=False).logits[0, :-1].double()
            scores = torch.log_softmax(scores, dim=-1)
            chosen = scores.gather(1, tokens[0, 1:, None])[:, 0]
            entropy = -(scores.exp() * scores).sum(-1)
            answer = {"id": record["id"], "logprobs": chosen.tolist(), "entropy": entropy.tolist()}
            out.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    {"save": save, "logprobs": logprobs}[sys.argv[1]](*sys.argv[2:])
