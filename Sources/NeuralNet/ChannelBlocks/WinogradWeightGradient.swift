import Platform

/// Gradients of the weights of 3 x 3 convolutions with stride 1 and padding 1 in channel blocks, by the transpose of
/// Winograd's F(4 x 4, 3 x 3): dg = G^T [sum over tiles of (A dY A^T) * (B^T d B)] G, so 36 products a tile instead of
/// 144. (Lavin and Gray, CVPR 2016, give the forward direction; this is its derivative with respect to g.)
///
/// The sums are cut into parts, over tiles where there are many and over output channels where there are few. How,
/// depends on the shape alone, and parts are added in order: the number of threads does not matter. The slices come in groups,
/// each of which adds to the sums; the filters follow from them once, at the end.
struct WinogradWeightGradient {
    let inChannels: Int
    let outChannels: Int
    let height: Int
    let width: Int
    /// Slices of all groups together.
    let slices: Int

    /// Floats of sums that the parts over tiles may have together.
    private static let sumFloats = 4 << 20
    /// What of the second-level cache the patches of a chunk of tiles may fill, and what is never gone below: sums are
    /// loaded and stored once a chunk.
    private static let cacheFloats = 92_160
    private static let fewestTiles = 32
    /// Tiles of a chunk at most (by trying).
    private static let mostTiles = 96
    /// Tiles that a part must have: with fewer, adding its sums to those of the others takes too much of the time.
    private static let fewestTilesOfPart = 16

    private static let vector = ChannelBlocks.width
    private static let square = vector * vector
    private static let places = WinogradTransform.places

    private var inBlocks: Int { ChannelBlocks.blocks(of: inChannels) }
    private var outBlocks: Int { ChannelBlocks.blocks(of: outChannels) }

    /// Floats of the sums of one part over tiles: [place][out block][in block][in 8][out 8].
    private var size: Int { WinogradWeightGradient.places * inBlocks * outBlocks * WinogradWeightGradient.square }

    private var tileParts: Int {
        var parts = fewestPieces
        let tiles = WinogradTiles(height: height, width: width, batch: slices).count
        while parts > 1,
            parts * size > WinogradWeightGradient.sumFloats || tiles < WinogradWeightGradient.fewestTilesOfPart * parts
        { parts /= 2 }
        return parts
    }

    private var outParts: Int { min(outBlocks, fewestPieces / tileParts) }

    /// Floats of the sums of all parts.
    var sumCount: Int { tileParts * size }

    /// Adds what a group of slices gives to the sums; those are begun with the first.
    /// - Parameters:
    ///   - input: N [in blocks] H W [8]
    ///   - dOutput: N [out blocks] H W [8]
    ///   - count: N.
    func add(
        input: UnsafePointer<Float>,
        dOutput: UnsafePointer<Float>,
        count: Int,
        isFirst: Bool,
        to sums: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        let (tileParts, outParts) = (tileParts, outParts)
        let grid = WinogradTiles(height: height, width: width, batch: count)
        if isFirst, grid.count < tileParts { sums.update(repeating: 0, count: sumCount) }
        nonisolated(unsafe) let (input, dOutput, shared) = (input, dOutput, sums)
        parallelFor(tileParts * outParts, threads: threads) { items in
            for item in items {
                let (tilePart, outPart) = (item / outParts, item % outParts)
                sum(
                    input,
                    dOutput,
                    grid,
                    isFirst: isFirst,
                    tiles: grid.count * tilePart / tileParts..<grid.count * (tilePart + 1) / tileParts,
                    blocks: outBlocks * outPart / outParts..<outBlocks * (outPart + 1) / outParts,
                    into: shared + tilePart * size
                )
            }
        }
    }

    /// Sums over a range of tiles of a group for some blocks of output channels.
    private func sum(
        _ input: UnsafePointer<Float>,
        _ dOutput: UnsafePointer<Float>,
        _ grid: WinogradTiles,
        isFirst: Bool,
        tiles: Range<Int>,
        blocks: Range<Int>,
        into sums: UnsafeMutablePointer<Float>
    ) {
        let (vector, places, square) = (
            WinogradWeightGradient.vector, WinogradWeightGradient.places, WinogradWeightGradient.square
        )
        let blockCount = grid.plane * vector
        let fitting = WinogradWeightGradient.cacheFloats / (places * vector * (inBlocks + blocks.count))
        let chunk = min(
            tiles.count,
            max(WinogradWeightGradient.fewestTiles, min(WinogradWeightGradient.mostTiles, fitting))
        )
        let patches = Scratch(count: places * inBlocks * chunk * vector)
        let gradients = Scratch(count: places * blocks.count * chunk * vector)
        let scratch = Scratch(count: WinogradTiles.scratchCount)
        for start in stride(from: tiles.lowerBound, to: tiles.upperBound, by: chunk) {
            let range = start..<min(start + chunk, tiles.upperBound)
            for block in 0..<inBlocks {
                grid.transformPatches(
                    input + block * blockCount,
                    sampleStep: inBlocks * blockCount,
                    tiles: range,
                    into: patches.pointer + block * chunk * vector,
                    tileStep: vector,
                    placeStep: inBlocks * chunk * vector,
                    scratch.pointer
                )
            }
            for (position, block) in blocks.enumerated() {
                grid.transformGradients(
                    dOutput + block * blockCount,
                    sampleStep: outBlocks * blockCount,
                    tiles: range,
                    into: gradients.pointer + position * chunk * vector,
                    tileStep: vector,
                    placeStep: blocks.count * chunk * vector,
                    scratch.pointer
                )
            }
            let isFirst = isFirst && start == tiles.lowerBound
            for place in 0..<places {
                for (position, out) in blocks.enumerated() {
                    let dY = gradients.pointer + (place * blocks.count + position) * chunk * vector
                    for block in 0..<inBlocks {
                        WinogradWeightGradient.accumulate(
                            patches.pointer + (place * inBlocks + block) * chunk * vector,
                            dY,
                            range.count,
                            adding: !isFirst,
                            to: sums + ((place * outBlocks + out) * inBlocks + block) * square
                        )
                    }
                }
            }
        }
    }

    /// sums[i][0 ..< 8] = or += the sum over tiles of x[tile][i] * y[tile][0 ..< 8].
    @inline(__always)
    private static func accumulate(
        _ x: UnsafePointer<Float>,
        _ y: UnsafePointer<Float>,
        _ tiles: Int,
        adding: Bool,
        to sums: UnsafeMutablePointer<Float>
    ) {
        var (s0, s1, s2, s3) = (SIMD8<Float>(), SIMD8<Float>(), SIMD8<Float>(), SIMD8<Float>())
        var (s4, s5, s6, s7) = (s0, s1, s2, s3)
        var (x, y) = (x, y)
        for _ in 0..<tiles {
            let gradient = load8(y)
            s0.addProduct(SIMD8(repeating: x[0]), gradient)
            s1.addProduct(SIMD8(repeating: x[1]), gradient)
            s2.addProduct(SIMD8(repeating: x[2]), gradient)
            s3.addProduct(SIMD8(repeating: x[3]), gradient)
            s4.addProduct(SIMD8(repeating: x[4]), gradient)
            s5.addProduct(SIMD8(repeating: x[5]), gradient)
            s6.addProduct(SIMD8(repeating: x[6]), gradient)
            s7.addProduct(SIMD8(repeating: x[7]), gradient)
            x += vector
            y += vector
        }
        if adding {
            s0 += load8(sums)
            s1 += load8(sums + 8)
            s2 += load8(sums + 16)
            s3 += load8(sums + 24)
            s4 += load8(sums + 32)
            s5 += load8(sums + 40)
            s6 += load8(sums + 48)
            s7 += load8(sums + 56)
        }
        store8(s0, sums)
        store8(s1, sums + 8)
        store8(s2, sums + 16)
        store8(s3, sums + 24)
        store8(s4, sums + 32)
        store8(s5, sums + 40)
        store8(s6, sums + 48)
        store8(s7, sums + 56)
    }

    /// dWeight += G^T u G with u the parts added in order: filters of 3 x 3 that lie `filterStep` floats apart,
    /// [out][in][filterStep].
    func addFilters(
        _ sums: UnsafePointer<Float>,
        to dWeight: UnsafeMutablePointer<Float>,
        filterStep: Int,
        threads: Int
    ) {
        let (vector, square) = (WinogradWeightGradient.vector, WinogradWeightGradient.square)
        let parts = tileParts
        nonisolated(unsafe) let (sums, dWeight) = (sums, dWeight)
        parallelFor(outBlocks, threads: threads) { blocks in
            for out in blocks {
                let lanes = min(vector, outChannels - out * vector)
                for channel in 0..<inChannels {
                    let offset = (out * inBlocks + channel / vector) * square + channel % vector * vector
                    let filter = dWeight + (out * vector * inChannels + channel) * filterStep
                    WinogradTransform.filterGradients { place in
                        var total = SIMD8<Double>()
                        for part in 0..<parts {
                            let u = load8(sums + part * size + place * outBlocks * inBlocks * square + offset)
                            total += SIMD8<Double>(u)
                        }
                        return total
                    } _: { tap, gradient in
                        for lane in 0..<lanes { filter[lane * inChannels * filterStep + tap] += Float(gradient[lane]) }
                    }
                }
            }
        }
    }
}
