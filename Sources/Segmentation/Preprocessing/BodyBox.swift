import Imaging
import Platform

/// The box around the patient on the model's grid, in HU; nil where there is none.
///
/// What is no air is eroded in the plane by 4 mm, which removes the shells of a couch, sheets and tubes and parts what
/// they join; of the pieces that remain those count that have 1 % of the largest one. The box is theirs, with what was
/// eroded. It makes no foreground: it only says where the network is worth running.
package func bodyBox(of input: Volume<Float>, threads: Int) -> GridBox? {
    let (pieces, reach) = thickPieces(of: input, erosionMM: 4, threads: threads)
    guard let largest = pieces.sizes.max() else { return nil }
    var builder = BoxBuilder()
    for run in pieces.runs where pieces.sizes[run.component] * 100 >= largest {
        builder.include(columns: run.start...(run.end - 1), row: run.j, slice: run.k)
    }
    let d = input.geometry.dimensions
    return builder.box.map { box in
        GridBox(
            columns: max(0, box.columns.lowerBound - reach)..<min(d.i, box.columns.upperBound + reach),
            rows: max(0, box.rows.lowerBound - reach)..<min(d.j, box.rows.upperBound + reach),
            slices: box.slices
        )
    }
}

/// What is denser than -500 HU, eroded in the plane by about `erosionMM`, by a pixel at least, in pieces.
///
/// - Returns: the pieces and by how many pixels they were eroded.
func thickPieces(
    of input: Volume<Float>,
    erosionMM: Double,
    threads: Int
) -> (pieces: RunComponents, reach: Int) {
    let reach = max(1, Int((erosionMM / input.geometry.spacing.x).rounded()))
    return (RunComponents(of: 1, in: dense(input, erodedBy: reach, threads: threads)), reach)
}

/// 1 where everything within `reach` pixels along rows and columns is denser than -500 HU; beyond the picture nothing is
/// eroded, for a patient may go on there.
private func dense(_ input: Volume<Float>, erodedBy reach: Int, threads: Int) -> Volume<UInt8> {
    let d = input.geometry.dimensions
    let plane = d.i * d.j
    var voxels = Voxels<UInt8>(repeating: 0, count: d.voxelCount)
    voxels.withUnsafeMutableBufferPointer { buffer in
        // Each slice is written by one thread only.
        nonisolated(unsafe) let out = buffer
        parallelFor(d.k, threads: threads) { range in
            var rows = [UInt8](repeating: 0, count: plane)
            for k in range {
                for n in 0..<plane { out[k * plane + n] = input.voxels[k * plane + n] > -500 ? 1 : 0 }
                input.touched()
                let slice = UnsafeMutableBufferPointer(rebasing: out[(k * plane)..<((k + 1) * plane)])
                for line in 0..<d.j {
                    erode(UnsafeBufferPointer(slice), into: &rows, from: line * d.i, step: 1, length: d.i, reach)
                }
                rows.withUnsafeBufferPointer { rows in
                    var columns = [UInt8](repeating: 0, count: plane)
                    for line in 0..<d.i { erode(rows, into: &columns, from: line, step: d.i, length: d.j, reach) }
                    _ = slice.update(fromContentsOf: columns)
                }
            }
        }
    }
    return Volume(geometry: input.geometry, voxels: voxels)
}

/// Of each run of ones along a line the first and last `reach`, unless the line ends there.
private func erode(
    _ input: UnsafeBufferPointer<UInt8>,
    into output: inout [UInt8],
    from start: Int,
    step: Int,
    length: Int,
    _ reach: Int
) {
    var position = 0
    while position < length {
        guard input[start + position * step] == 1 else {
            output[start + position * step] = 0
            position += 1
            continue
        }
        let first = position
        while position < length, input[start + position * step] == 1 { position += 1 }
        let kept = (lower: first == 0 ? 0 : first + reach, upper: position == length ? length : position - reach)
        for n in first..<position { output[start + n * step] = n >= kept.lower && n < kept.upper ? 1 : 0 }
    }
}
