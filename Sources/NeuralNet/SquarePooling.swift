/// Lines of squares of two by two places, eight squares at a time. Among equal values the first counts, in the order of a
/// row and then the row below, as PyTorch picks it.
enum SquarePooling {
    static func largest(
        _ first: UnsafePointer<Float>,
        _ below: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        let whole = count & ~7
        for square in stride(from: 0, to: whole, by: 8) {
            let (a, b) = load8Pairs(first + 2 * square)
            let (c, d) = load8Pairs(below + 2 * square)
            store8(maximum(maximum(maximum(a, b), c), d), result + square)
        }
        for square in whole..<count {
            let winner = winner(first + 2 * square, below + 2 * square)
            result[square] = (winner < 2 ? first : below)[2 * square + winner % 2]
        }
    }

    /// Gives each square's gradient to its largest value; the other three get none.
    static func giveBack(
        _ gradient: UnsafePointer<Float>,
        _ first: UnsafePointer<Float>,
        _ below: UnsafePointer<Float>,
        adding: Bool,
        to firstGradient: UnsafeMutablePointer<Float>,
        _ belowGradient: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        let whole = count & ~7
        for square in stride(from: 0, to: whole, by: 8) {
            let (a, b) = load8Pairs(first + 2 * square)
            let (c, d) = load8Pairs(below + 2 * square)
            let none = SIMD8<Float>()
            let value = load8(gradient + square)
            var largest = a
            var (ga, gb, gc, gd) = (value, none, none, none)
            let isB = b .> largest
            largest.replace(with: b, where: isB)
            ga.replace(with: none, where: isB)
            gb.replace(with: value, where: isB)
            let isC = c .> largest
            largest.replace(with: c, where: isC)
            ga.replace(with: none, where: isC)
            gb.replace(with: none, where: isC)
            gc.replace(with: value, where: isC)
            let isD = d .> largest
            ga.replace(with: none, where: isD)
            gb.replace(with: none, where: isD)
            gc.replace(with: none, where: isD)
            gd.replace(with: value, where: isD)
            if adding {
                let (a, b) = load8Pairs(firstGradient + 2 * square)
                let (c, d) = load8Pairs(belowGradient + 2 * square)
                (ga, gb, gc, gd) = (ga + a, gb + b, gc + c, gd + d)
            }
            store8Pairs(ga, gb, firstGradient + 2 * square)
            store8Pairs(gc, gd, belowGradient + 2 * square)
        }
        for square in whole..<count {
            let winner = winner(first + 2 * square, below + 2 * square)
            for place in 0..<4 {
                let target = (place < 2 ? firstGradient : belowGradient) + 2 * square + place % 2
                target.pointee = (adding ? target.pointee : 0) + (place == winner ? gradient[square] : 0)
            }
        }
    }

    /// 0 and 1 in the first row, 2 and 3 in the row below.
    private static func winner(_ first: UnsafePointer<Float>, _ below: UnsafePointer<Float>) -> Int {
        var (winner, largest) = (0, first[0])
        if first[1] > largest { (winner, largest) = (1, first[1]) }
        if below[0] > largest { (winner, largest) = (2, below[0]) }
        return below[1] > largest ? 3 : winner
    }
}
