"""The translation between OpenAI's chat completions API and a provider plugin's conversation. Pure.

Source: https://platform.openai.com/docs/api-reference/chat.
"""
