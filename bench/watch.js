// What a person in front of real Chromium gets: the pictures that it shows, the sound that it plays, its own statistics.
// Evaluated in a page of the server's origin by bench/browser.py; times are performance.now() in milliseconds.

async ({ key, question, turns, listen }) => {
  const watch = (window.watch = {
    times: [], // of each picture shown
    changes: [], // how much it differs from the one before
    mouths: [], // 64 x 64 luma of each, base64
    sounds: [], // [time, peak] of each 20 ms played
    asked: [],
    spans: [], // of her speech, by the server's word
    offsets: [], // estimated playout: audio minus video
    error: null,
  });

  const connection = new RTCPeerConnection();
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = video.autoplay = video.playsInline = true;
  connection.addTransceiver("audio", { direction: "recvonly" });
  connection.addTransceiver("video", { direction: "recvonly" });

  // Her voice, as it leaves for the loudspeaker.
  const audio = new AudioContext({ sampleRate: 48000 });
  const meter = `registerProcessor("meter", class extends AudioWorkletProcessor {
    peak = 0; count = 0; began = 0;
    process([input]) {
      if (!this.count) this.began = currentTime;
      for (const sample of input[0] ?? []) this.peak = Math.max(this.peak, Math.abs(sample));
      this.count += 128;
      if (this.count >= 960) {
        this.port.postMessage([this.began, this.peak]);
        this.peak = this.count = 0;
      }
      return true;
    }
  });`;
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([meter], { type: "text/javascript" })));
  const heard = new AudioWorkletNode(audio, "meter");
  heard.port.onmessage = ({ data: [at, peak] }) => {
    const { contextTime, performanceTime } = audio.getOutputTimestamp();
    const played = performanceTime ? performanceTime + 1000 * (at - contextTime) : performance.now();
    watch.sounds.push([played, peak]);
  };
  connection.ontrack = ({ track, streams }) => {
    video.srcObject = streams[0];
    if (track.kind === "audio") audio.createMediaStreamSource(new MediaStream([track])).connect(heard);
  };

  const channel = connection.createDataChannel("oai-events");
  const send = (event) => channel.send(JSON.stringify(event));
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const ask = () => {
    watch.asked.push(performance.now());
    const content = [{ type: "input_text", text: question }];
    send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    send({ type: "response.create" });
  };
  // The first turns are cut off once she has begun; the rest she speaks to their end.
  let left = turns;
  channel.onmessage = async ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "session.created") {
      await pause(2500);
      ask();
    }
    if (event.type === "output_audio_buffer.started") {
      watch.spans.push([performance.now(), null]);
      if (left-- > 0) {
        await pause(listen);
        send({ type: "response.cancel" });
        send({ type: "output_audio_buffer.clear" });
      }
    }
    if (/output_audio_buffer.(stopped|cleared)/.test(event.type) && watch.spans.at(-1)?.[1] === null) {
      watch.spans.at(-1)[1] = performance.now();
      await pause(1000);
      ask();
    }
    const harmless = ["response_cancel_not_active", "conversation_already_has_active_response"];
    if (event.type === "error" && !harmless.includes(event.error.code)) watch.error = event.error.message;
  };

  // The middle of the picture, where a face is: the mean luma of 32 x 40 cells of 8 x 8 pixels.
  const canvas = new OffscreenCanvas(256, 320);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const small = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
  small.imageSmoothingQuality = "high";
  let before = null;
  const look = () => {
    const { videoWidth: w, videoHeight: h } = video;
    context.drawImage(video, w / 4, (3 * h) / 16, w / 2, (5 * h) / 8, 0, 0, 256, 320);
    const { data } = context.getImageData(0, 0, 256, 320);
    const cells = new Float32Array(32 * 40);
    for (let y = 0, i = 0; y < 320; y++)
      for (let x = 0, row = 32 * (y >> 3); x < 256; x++, i += 4)
        cells[row + (x >> 3)] += (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]) / 64;
    return cells;
  };
  const lookCloser = () => {
    small.drawImage(video, 0, 0, 64, 64);
    const { data } = small.getImageData(0, 0, 64, 64);
    let text = "";
    for (let i = 0; i < data.length; i += 4)
      text += String.fromCharCode(Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]));
    return btoa(text);
  };
  const onFrame = (_, frame) => {
    video.requestVideoFrameCallback(onFrame);
    const cells = look();
    watch.times.push(frame.presentationTime);
    const squares = before ? cells.reduce((sum, cell, i) => sum + (cell - before[i]) ** 2, 0) : Infinity;
    watch.changes.push(Math.sqrt(squares / cells.length));
    watch.mouths.push(lookCloser());
    before = cells;
  };
  video.requestVideoFrameCallback(onFrame);

  // Which moment of the sender's clock is played and shown just now.
  const inbound = async () => {
    const found = {};
    for (const report of (await connection.getStats()).values())
      if (report.type === "inbound-rtp") found[report.kind] = report;
    return found;
  };
  setInterval(async () => {
    const { audio: sound, video: picture } = await inbound();
    if (sound?.estimatedPlayoutTimestamp && picture?.estimatedPlayoutTimestamp)
      watch.offsets.push(sound.estimatedPlayoutTimestamp - picture.estimatedPlayoutTimestamp);
  }, 250);

  await connection.setLocalDescription();
  const headers = { "content-type": "application/sdp", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const response = await fetch("/v1/realtime/calls", { method: "POST", headers, body: connection.localDescription.sdp });
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${body}`);
  await connection.setRemoteDescription({ type: "answer", sdp: body });
  window.hangUp = async () => {
    const stats = await inbound();
    connection.close();
    return stats;
  };
};
