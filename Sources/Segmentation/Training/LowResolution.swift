/// A picture as it is with pixels `factor` times as large: their nearest values, and linear between their centres. After
/// nnU-Net's "simulate low resolution" (Isensee et al., Nature Methods 18, 2021, supplement), which is cubic there.
///
/// - Parameter picture: row by row, at least 2 x 2.
package func coarsened(_ picture: [Float], width: Int, factor: Float) -> [Float] {
    let height = picture.count / width
    let columns = max(2, Int((Float(width) / factor).rounded()))
    let rows = max(2, Int((Float(height) / factor).rounded()))
    let (stepX, stepY) = (Float(width) / Float(columns), Float(height) / Float(rows))
    var coarse = [Float](repeating: 0, count: columns * rows)
    for r in 0..<rows {
        for c in 0..<columns {
            coarse[c + columns * r] = picture[Int((Float(c) + 0.5) * stepX) + width * Int((Float(r) + 0.5) * stepY)]
        }
    }
    var result = picture
    for y in 0..<height {
        let (j, b) = place(y, step: stepY, count: rows)
        for x in 0..<width {
            let (i, a) = place(x, step: stepX, count: columns)
            let n = i + columns * j
            let top = coarse[n] * (1 - a) + coarse[n + 1] * a
            let bottom = coarse[n + columns] * (1 - a) + coarse[n + columns + 1] * a
            result[x + width * y] = top * (1 - b) + bottom * b
        }
    }
    return result
}

/// The large pixel before a small one's centre, and how far it lies on the way to the next.
private func place(_ small: Int, step: Float, count: Int) -> (index: Int, part: Float) {
    let position = min(max((Float(small) + 0.5) / step - 0.5, 0), Float(count - 1))
    let index = min(Int(position), count - 2)
    return (index, position - Float(index))
}
