// One client of @openai/agents-realtime over WebRTC in a browser; the test drives it through `window.client`.
import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession } from "./openai-realtime-agents.mjs";

const face = document.querySelector("#face");
const events = [];
const errors = [];

const transport = new OpenAIRealtimeWebRTC({
  baseUrl: `${new URLSearchParams(location.search).get("server")}/v1/realtime/calls`,
  audioElement: face,
  changePeerConnection: (connection) => {
    connection.addTransceiver("video", { direction: "recvonly" });
    return connection;
  },
});
const session = new RealtimeSession(new RealtimeAgent({ name: "Visavis", instructions: "Be brief." }), {
  transport,
  tracingDisabled: true,
});
session.on("error", (error) => errors.push(JSON.stringify(error)));
transport.on("*", (event) => events.push(event));

window.client = {
  connect: (apiKey) => session.connect({ apiKey }),
  say: (text) => session.sendMessage(text),
  interrupt: () => session.interrupt(),
  close: () => session.close(),
  events: () => events,
  errors: () => errors,
  callId: () => transport.callId,
  history: () => session.history.map(({ role, status, content }) => ({ role, status, content })),
  /** What the <video> shows: its size, its frames so far, and the mean brightness of the picture's middle. */
  picture: () => {
    const canvas = new OffscreenCanvas(64, 64);
    const context = canvas.getContext("2d");
    context.drawImage(face, 0, 0, 64, 64);
    const { data } = context.getImageData(16, 16, 32, 32);
    return {
      width: face.videoWidth,
      height: face.videoHeight,
      frames: face.getVideoPlaybackQuality().totalVideoFrames,
      brightness: data.reduce((sum, value) => sum + value, 0) / data.length,
      tracks: face.srcObject?.getTracks().map((track) => track.kind).sort(),
    };
  },
};
