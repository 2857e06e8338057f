// Thumbnails by sharp, as its users make them: FOLDER-WITH-SHARP PHOTOS SECONDS.
const fs = require('node:fs');
const path = require('node:path');

const [home, folder, seconds] = process.argv.slice(1);
const sharp = require(require.resolve('sharp', { paths: [path.resolve(home)] }));
// The same photographs come again and again: nothing may be remembered of them.
sharp.cache(false);

const photos = fs.readdirSync(folder).sort().map((name) => fs.readFileSync(path.join(folder, name)));

async function pass() {
  let bytes = 0;
  for (const photo of photos) {
    for (const side of [100, 200]) {
      const thumb = sharp(photo).resize(side, side, { fit: 'inside' });
      bytes += (await thumb.png({ compressionLevel: 1 }).toBuffer()).length;
    }
  }
  return bytes;
}

async function main() {
  await pass();
  const before = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  let done = 0;
  let bytes = 0;
  while (performance.now() < end) {
    bytes += await pass();
    done += photos.length;
  }
  const { user, system } = process.cpuUsage(before);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ photos: done, cpu_s: (user + system) / 1e6, peak_mib: peak, bytes }));
}

main();
