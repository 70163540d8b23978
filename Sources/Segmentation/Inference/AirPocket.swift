import Imaging
import Platform

/// The largest connected piece (6 neighbours) of plain air in each structure, in pixels; label 1 comes first.
///
/// Lung holds tissue and blood everywhere. What averages below `Measurement.airHU` over 3 x 3 pixels is none: air beside the
/// lung (pneumothorax), a large bulla, or the room, and a network may take each for lung without any doubt. The mean is
/// over pixels of the structure alone, so that the chest wall beside a thin layer of air does not hide it, and over
/// several, so that noise makes no pocket.
///
/// - Parameters:
///   - labels: on the grid of `input`.
///   - input: HU, what the network was run on.
func airPockets(in labels: Volume<UInt8>, input: Volume<Float>, count: Int, threads: Int) -> [Int] {
    let d = labels.geometry.dimensions
    var air = Volume<UInt8>(geometry: labels.geometry, repeating: 0)
    air.voxels.withUnsafeMutableBufferPointer { buffer in
        // Each slice is written by one thread only.
        nonisolated(unsafe) let air = buffer
        parallelFor(d.k, threads: threads) { slices in
            for k in slices { findAir(in: labels, input, slice: k, air) }
        }
    }
    return (1...count).map { RunComponents(of: UInt8($0), in: air).sizes.max() ?? 0 }
}

private func findAir(
    in labels: Volume<UInt8>,
    _ input: Volume<Float>,
    slice k: Int,
    _ air: UnsafeMutableBufferPointer<UInt8>
) {
    let d = labels.geometry.dimensions
    for j in 0..<d.j {
        for i in 0..<d.i where labels[i, j, k] > 0 {
            let label = labels[i, j, k]
            var (sum, pixels): (Float, Float) = (0, 0)
            for y in max(j - 1, 0)...min(j + 1, d.j - 1) {
                for x in max(i - 1, 0)...min(i + 1, d.i - 1) where labels[x, y, k] == label {
                    sum += input[x, y, k]
                    pixels += 1
                }
            }
            if sum < Measurement.airHU * pixels { air[i + d.i * (j + d.j * k)] = label }
        }
    }
}
