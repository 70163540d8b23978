/// Attenuation of the blood in the parts of the circulation, HU.
struct Blood: Sendable {
    var upperVein: Float
    var vein: Float
    var lowerVein: Float
    var right: Float
    var pulmonary: Float
    var left: Float
    var myocardium: Float
    /// Added to liver, spleen and kidney.
    var organs: Float

    init(_ person: ThoraxAnatomy, _ contrast: PhantomOptions.Contrast, seed: UInt64) {
        var random = SeededRandom(seed: seed, stream: 5)
        let plain = person.bloodHU
        (upperVein, vein, lowerVein, right, pulmonary, left, myocardium, organs) = (
            plain, plain, plain, plain, plain, plain, plain + 8, 0
        )
        switch contrast {
        case .none: break
        case .pulmonary:
            upperVein = random.float(350...900)
            right = random.float(220...400)
            pulmonary = random.float(280...460)
            left = random.float(80...260)
            myocardium = plain + 30
        case .arterial:
            upperVein = random.float(90...350)
            vein = plain + random.float(0...40)
            right = random.float(120...240)
            pulmonary = random.float(150...300)
            left = random.float(230...420)
            myocardium = plain + 55
            organs = 20
        case .venous:
            let level = random.float(110...180)
            (upperVein, vein, lowerVein, right, pulmonary, left) = (level, level, level, level, level, level + 8)
            myocardium = plain + 50
            organs = 45
        }
    }
}
