// Command go talks to kvasir through OpenAI's own client, which knows nothing of kvasir: only the base URL is
// another one. It ends with an error if an answer is not what the client's documentation promises.
//
//	go run . http://127.0.0.1:8080/v1
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/openai/openai-go"
	"github.com/openai/openai-go/option"
	"github.com/openai/openai-go/shared"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . http://127.0.0.1:8080/v1")
		os.Exit(2)
	}
	client := openai.NewClient(option.WithBaseURL(os.Args[1]), option.WithAPIKey(os.Getenv("OPENAI_API_KEY")))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, step := range []struct {
		name string
		run  func(context.Context, *openai.Client) error
	}{
		{"models", models}, {"chat", chat}, {"stream", stream}, {"tools", tools}, {"schema", schema}, {"errors", refused},
		{"cancellation", cancelled}, {"completion", completion}, {"embeddings", embeddings},
	} {
		if err := step.run(ctx, &client); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Println(step.name, "ok")
	}
}

const question = "What is the capital of Niger?"

func asking(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "gpt-4o-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
		MaxCompletionTokens: openai.Int(100),
	}
}

func models(ctx context.Context, c *openai.Client) error {
	page, err := c.Models.List(ctx)
	if err != nil {
		return err
	}
	if len(page.Data) != 1 {
		return fmt.Errorf("%d models", len(page.Data))
	}
	_, err = c.Models.Get(ctx, page.Data[0].ID)
	return err
}

func chat(ctx context.Context, c *openai.Client) error {
	var texts [2]string
	for i := range texts {
		answer, err := c.Chat.Completions.New(ctx, asking(question))
		if err != nil {
			return err
		}
		texts[i] = answer.Choices[0].Message.Content
		if texts[i] == "" || answer.Choices[0].FinishReason != "stop" || answer.Usage.TotalTokens == 0 {
			return fmt.Errorf("answer %s", answer.RawJSON())
		}
	}
	if texts[0] != texts[1] {
		return fmt.Errorf("the same question has the answers %q", texts)
	}
	return nil
}

// stream expects of a stream what it expects of a whole answer.
func stream(ctx context.Context, c *openai.Client) error {
	whole, err := c.Chat.Completions.New(ctx, asking(question))
	if err != nil {
		return err
	}
	params := asking(question)
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	chunks := c.Chat.Completions.NewStreaming(ctx, params)
	var all openai.ChatCompletionAccumulator
	for chunks.Next() {
		if !all.AddChunk(chunks.Current()) {
			return fmt.Errorf("the chunk does not belong to the others: %s", chunks.Current().RawJSON())
		}
	}
	if err := chunks.Err(); err != nil {
		return err
	}
	got, want := all.Choices[0], whole.Choices[0]
	if got.Message.Content != want.Message.Content || got.FinishReason != want.FinishReason || all.Usage.TotalTokens != whole.Usage.TotalTokens {
		return fmt.Errorf("streamed %q, %s, %d tokens, whole %s", got.Message.Content, got.FinishReason, all.Usage.TotalTokens, whole.RawJSON())
	}
	return nil
}

var city = map[string]any{
	"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string", "enum": []string{"Paris", "Niamey"}}},
	"required": []string{"city"}, "additionalProperties": false,
}

// tools has the model call a function, and tells it what came of that.
func tools(ctx context.Context, c *openai.Client) error {
	params := asking("How is the weather in Paris?")
	params.Tools = []openai.ChatCompletionToolParam{{Function: shared.FunctionDefinitionParam{
		Name: "weather", Description: openai.String("Tells the weather of a city."), Parameters: city,
	}}}
	params.ToolChoice = openai.ChatCompletionToolChoiceOptionParamOfChatCompletionNamedToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "weather"})
	answer, err := c.Chat.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	choice := answer.Choices[0]
	var arguments struct{ City string }
	if choice.FinishReason != "tool_calls" || len(choice.Message.ToolCalls) != 1 || json.Unmarshal([]byte(choice.Message.ToolCalls[0].Function.Arguments), &arguments) != nil || arguments.City == "" {
		return fmt.Errorf("no call in %s", answer.RawJSON())
	}
	params.Messages = append(params.Messages, choice.Message.ToParam(), openai.ToolMessage("sunny", choice.Message.ToolCalls[0].ID))
	params.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("none")}
	answer, err = c.Chat.Completions.New(ctx, params)
	if err == nil && answer.Choices[0].Message.Content == "" {
		err = fmt.Errorf("no answer in %s", answer.RawJSON())
	}
	return err
}

func schema(ctx context.Context, c *openai.Client) error {
	params := asking("Name a city as JSON.")
	params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "city", Schema: city, Strict: openai.Bool(true)},
	}}
	answer, err := c.Chat.Completions.New(ctx, params)
	if err != nil {
		return err
	}
	var got struct{ City string }
	if err := json.Unmarshal([]byte(answer.Choices[0].Message.Content), &got); err != nil || got.City == "" {
		return fmt.Errorf("%s does not fit: %v", answer.Choices[0].Message.Content, err)
	}
	return nil
}

// refused expects errors as the client knows them.
func refused(ctx context.Context, c *openai.Client) error {
	params := asking(question)
	params.Logprobs = openai.Bool(true)
	_, err := c.Chat.Completions.New(ctx, params)
	var refusal *openai.Error
	if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusBadRequest || refusal.Param != "logprobs" || refusal.Message == "" {
		return fmt.Errorf("logprobs: %v", err)
	}
	_, err = c.Models.Get(ctx, "no-such-model")
	if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusNotFound || refusal.Code != "model_not_found" {
		return fmt.Errorf("a model that is not there: %v", err)
	}
	return nil
}

// cancelled leaves a stream at its first chunk, and asks something else.
func cancelled(ctx context.Context, c *openai.Client) error {
	leaving, leave := context.WithCancel(ctx)
	chunks := c.Chat.Completions.NewStreaming(leaving, asking("Tell me a long story."))
	if !chunks.Next() {
		leave()
		return fmt.Errorf("no chunk: %v", chunks.Err())
	}
	leave()
	for chunks.Next() {
	}
	if err := chunks.Close(); err != nil {
		return err
	}
	_, err := c.Chat.Completions.New(ctx, asking("And now something else."))
	return err
}

func completion(ctx context.Context, c *openai.Client) error {
	answer, err := c.Completions.New(ctx, openai.CompletionNewParams{
		Model: "gpt-3.5-turbo-instruct", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time")}, MaxTokens: openai.Int(5),
	})
	if err == nil && (len(answer.Choices) != 1 || answer.Usage.CompletionTokens == 0) {
		err = fmt.Errorf("answer %s", answer.RawJSON())
	}
	return err
}

func embeddings(ctx context.Context, c *openai.Client) error {
	found, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}},
	})
	if err == nil && (len(found.Data) != 2 || len(found.Data[0].Embedding) == 0) {
		err = fmt.Errorf("found %s", found.RawJSON())
	}
	return err
}
