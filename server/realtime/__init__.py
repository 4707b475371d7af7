"""The OpenAI Realtime protocol: one codec for the data channel and the WebSocket."""
