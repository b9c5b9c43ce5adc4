"""suite.py: the official Python clients against a gateway, one suite a client.

    suite.py CLIENT     with URL, KEY, AWS_ID, AWS_SECRET in the environment

The scripted provider behind the gateway answers by what it is asked (sdk-python.test.mjs): "Hi." gets
a text, "Call." a tool call, "Think." a thought and a text, "Refuse." an error, "Break." a stream that
breaks. Each check prints one line; the first that fails ends the run.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import sys

URL, KEY = os.environ["URL"], os.environ["KEY"]
MODELS = os.environ["MODELS"].split(",")
SAID = "Grüezi 你好 😀, and more words."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def check(name, got, want):
    assert got == want, f"{name}: {got!r}, not {want!r}"
    print(f"ok {name}", flush=True)


def raises(name, error, call):
    try:
        call()
    except error as e:
        print(f"ok {name}: {type(e).__name__}", flush=True)
        return e
    raise AssertionError(f"{name}: no {error}")


def suite_anthropic():
    import anthropic

    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
    for model in MODELS:
        ask = {"model": model, "max_tokens": 4000}

        def user(text):
            return [{"role": "user", "content": text}]

        whole = client.messages.create(messages=user("Hi."), **ask)
        check(f"{model} text", whole.content[0].text, SAID)
        check(f"{model} usage", (whole.usage.input_tokens, whole.usage.output_tokens), (12, 7))
        with client.messages.stream(messages=user("Hi."), **ask) as stream:
            check(f"{model} streamed", stream.get_final_message().content[0].text, SAID)
        tools = [{"name": "weather", "input_schema": SCHEMA}]
        with client.messages.stream(messages=user("Call."), tools=tools, **ask) as stream:
            final = stream.get_final_message()
        check(f"{model} call", [b.input for b in final.content if b.type == "tool_use"], [{"city": "Bern"}])
        check(f"{model} stop", final.stop_reason, "tool_use")
        raises(f"{model} error", anthropic.RateLimitError,
               lambda: client.messages.create(messages=user("Refuse."), **ask))

        def broken():
            with client.messages.stream(messages=user("Break."), **ask) as stream:
                stream.get_final_message()

        raises(f"{model} broken", Exception, broken)
    raises("no model", anthropic.NotFoundError,
           lambda: client.messages.create(model="nobody", max_tokens=1, messages=user("Hi.")))
    raises("no key", anthropic.AuthenticationError,
           lambda: anthropic.Anthropic(base_url=URL, api_key="wrong").messages.create(
               model=MODELS[0], max_tokens=1, messages=user("Hi.")))
    counted = client.messages.count_tokens(model=MODELS[0], messages=user("Hi."))
    check("count", counted.input_tokens > 0, True)
    check("models", MODELS[0] in [m.id for m in client.models.list()], True)

    bedrock = anthropic.AnthropicBedrock(
        base_url=URL, aws_region="eu-north-1", aws_access_key=os.environ["AWS_ID"],
        aws_secret_key=os.environ["AWS_SECRET"], max_retries=0)
    for model in MODELS:
        whole = bedrock.messages.create(model=model, max_tokens=64, messages=user("Hi."))
        check(f"{model} by Bedrock's client", whole.content[0].text, SAID)


def suite_openai():
    import openai

    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)

    def user(text):
        return [{"role": "user", "content": text}]

    for model in MODELS:
        whole = client.chat.completions.create(model=model, messages=user("Hi."))
        check(f"{model} text", whole.choices[0].message.content, SAID)
        check(f"{model} usage", (whole.usage.prompt_tokens, whole.usage.completion_tokens), (12, 7))
        with client.chat.completions.stream(model=model, messages=user("Hi.")) as stream:
            final = stream.get_final_completion()
        check(f"{model} streamed", final.choices[0].message.content, SAID)
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        with client.chat.completions.stream(model=model, messages=user("Call."), tools=tools) as stream:
            calls = stream.get_final_completion().choices[0].message.tool_calls
        check(f"{model} call", [json.loads(c.function.arguments) for c in calls], [{"city": "Bern"}])
        raises(f"{model} error", openai.RateLimitError,
               lambda: client.chat.completions.create(model=model, messages=user("Refuse.")))

        def broken():
            for _ in client.chat.completions.create(model=model, messages=user("Break."), stream=True):
                pass

        raises(f"{model} broken", Exception, broken)

        response = client.responses.create(model=model, input="Hi.", store=False)
        check(f"{model} response", response.output_text, SAID)
        with client.responses.stream(model=model, input="Hi.", store=False) as stream:
            check(f"{model} response streamed", stream.get_final_response().output_text, SAID)

        def broken_response():
            with client.responses.stream(model=model, input="Break.", store=False) as stream:
                stream.get_final_response()

        raises(f"{model} response broken", Exception, broken_response)
    raises("no model", openai.NotFoundError,
           lambda: client.chat.completions.create(model="nobody", messages=user("Hi.")))
    check("models", MODELS[0] in [m.id for m in client.models.list()], True)

    azure = openai.AzureOpenAI(azure_endpoint=URL, api_key=KEY, api_version="2024-10-21", max_retries=0)
    whole = azure.chat.completions.create(model=MODELS[0], messages=user("Hi."))
    check("by Azure's client", whole.choices[0].message.content, SAID)


def suite_boto3():
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError, EventStreamError

    def make(service, **more):
        return boto3.client(
            service, endpoint_url=URL, region_name="eu-north-1",
            config=Config(retries={"total_max_attempts": 1}),
            **{"aws_access_key_id": os.environ["AWS_ID"],
               "aws_secret_access_key": os.environ["AWS_SECRET"], **more})

    client = make("bedrock-runtime")

    def user(text):
        return [{"role": "user", "content": [{"text": text}]}]

    for model in MODELS:
        whole = client.converse(modelId=model, messages=user("Hi."))
        check(f"{model} text", whole["output"]["message"]["content"][0]["text"], SAID)
        check(f"{model} usage", (whole["usage"]["inputTokens"], whole["usage"]["outputTokens"]), (12, 7))
        events = list(client.converse_stream(modelId=model, messages=user("Hi."))["stream"])
        text = "".join(e["contentBlockDelta"]["delta"].get("text", "")
                       for e in events if "contentBlockDelta" in e)
        check(f"{model} streamed", text, SAID)
        check(f"{model} metadata", events[-1]["metadata"]["usage"]["outputTokens"], 7)
        tools = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
        whole = client.converse(modelId=model, messages=user("Call."), toolConfig=tools)
        calls = [b["toolUse"]["input"] for b in whole["output"]["message"]["content"] if "toolUse" in b]
        check(f"{model} call", calls, [{"city": "Bern"}])
        e = raises(f"{model} error", ClientError, lambda: client.converse(modelId=model, messages=user("Refuse.")))
        check(f"{model} error's name", e.response["Error"]["Code"], "ThrottlingException")
        raises(f"{model} broken", EventStreamError,
               lambda: list(client.converse_stream(modelId=model, messages=user("Break."))["stream"]))
        body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
                           "messages": [{"role": "user", "content": "Hi."}]})
        reply = json.loads(client.invoke_model(modelId=model, body=body)["body"].read())
        check(f"{model} invoked", reply["content"][0]["text"], SAID)
    e = raises("no model", ClientError, lambda: client.converse(modelId="nobody", messages=user("Hi.")))
    check("its name", e.response["Error"]["Code"], "ResourceNotFoundException")
    wrong = make("bedrock-runtime", aws_secret_access_key="x" * 40)
    e = raises("wrong secret", ClientError, lambda: wrong.converse(modelId=MODELS[0], messages=user("Hi.")))
    check("its name", e.response["Error"]["Code"], "InvalidSignatureException")
    listed = make("bedrock").list_foundation_models()["modelSummaries"]
    check("models", MODELS[0] in [m["modelId"] for m in listed], True)


def suite_google():
    from google import genai
    from google.genai import errors, types

    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))
    for model in MODELS:
        whole = client.models.generate_content(model=model, contents="Hi.")
        check(f"{model} text", whole.text, SAID)
        check(f"{model} usage", whole.usage_metadata.prompt_token_count, 12)
        chunks = client.models.generate_content_stream(model=model, contents="Hi.")
        check(f"{model} streamed", "".join(c.text or "" for c in chunks), SAID)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[
                types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
        whole = client.models.generate_content(model=model, contents="Call.", config=config)
        check(f"{model} call", [dict(c.args) for c in whole.function_calls], [{"city": "Bern"}])

        # thoughts and their signatures go back as the client makes bytes of them, and out again
        thinking = types.GenerateContentConfig(
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048))
        first = client.models.generate_content(model=model, contents="Think.", config=thinking)
        again = [types.Content(role="user", parts=[types.Part(text="Think.")]),
                 first.candidates[0].content,
                 types.Content(role="user", parts=[types.Part(text="Hi.")])]
        check(f"{model} thoughts go back",
              client.models.generate_content(model=model, contents=again, config=thinking).text, SAID)
        e = raises(f"{model} error", errors.ClientError,
                   lambda: client.models.generate_content(model=model, contents="Refuse."))
        check(f"{model} error's status", e.code, 429)
        raises(f"{model} broken", Exception,
               lambda: list(client.models.generate_content_stream(model=model, contents="Break.")))
    raises("no model", errors.ClientError,
           lambda: client.models.generate_content(model="nobody", contents="Hi."))
    check("models", f"models/{MODELS[0]}" in [m.name for m in client.models.list()], True)


def suite_mistral():
    from mistralai.client import Mistral

    client = Mistral(api_key=KEY, server_url=f"{URL}/mistral")

    def user(text):
        return [{"role": "user", "content": text}]

    for model in MODELS:
        whole = client.chat.complete(model=model, messages=user("Hi."))
        check(f"{model} text", whole.choices[0].message.content, SAID)
        check(f"{model} usage", (whole.usage.prompt_tokens, whole.usage.completion_tokens), (12, 7))
        text = "".join(e.data.choices[0].delta.content or ""
                       for e in client.chat.stream(model=model, messages=user("Hi.")) if e.data.choices)
        check(f"{model} streamed", text, SAID)
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        whole = client.chat.complete(model=model, messages=user("Call."), tools=tools)
        calls = [json.loads(c.function.arguments) for c in whole.choices[0].message.tool_calls]
        check(f"{model} call", calls, [{"city": "Bern"}])
        e = raises(f"{model} error", Exception,
                   lambda: client.chat.complete(model=model, messages=user("Refuse.")))
        check(f"{model} error's status", e.status_code, 429)
        raises(f"{model} broken", Exception,
               lambda: list(client.chat.stream(model=model, messages=user("Break."))))
    check("models", MODELS[0] in [m.id for m in client.models.list().data], True)


SUITES = {"anthropic": suite_anthropic, "openai": suite_openai, "boto3": suite_boto3,
          "google-genai": suite_google, "mistralai": suite_mistral}

if __name__ == "__main__":
    SUITES[sys.argv[1]]()
